import { connectionPair } from '../support/memory-connection.js';
import { describeConnection } from './connection.contract.js';

describeConnection('The memory pair', () => Promise.resolve(connectionPair()));
