export function findNode(version: string): Promise<{ node: string } | { reason: string }>;
