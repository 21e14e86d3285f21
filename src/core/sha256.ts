/** SHA-256 as the sender needs it: fed block by block, by whatever the platform has. */

export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** The hash of everything that was fed, 64 lower-case hex digits. Call it once. */
  digest(): string;
}

export type CreateSha256 = () => Sha256;
