import type { WorkId } from '../options.js';
import { count } from './count.js';
import { crowd } from './crowd.js';
import { file } from './file.js';
import { senders } from './senders.js';
import { size } from './size.js';
import { slow } from './slow.js';
import { tiny } from './tiny.js';
import { tree } from './tree.js';
import type { Work } from './work.js';

const ALL: Record<WorkId, Work> = { file, tree, tiny, senders, crowd, slow, size, count };

export const findWork = (id: WorkId): Work => ALL[id];
