import { bytesField, integerField } from '../tensorflow/protobuf.js';

/** The first member keeps the records of TensorFlow's group. */
const leader = '/job:worker/replica:0/task:0';

/**
 * The fields of a ConfigProto for collectives: no GPU (what is sent lies in the machine's memory), and who leads.
 * device_count 1, experimental 16; in it collective_group_leader 1.
 */
export function collectiveConfig(): Buffer {
  return Buffer.concat([
    bytesField(1, bytesField(1, 'GPU'), integerField(2, 0)),
    bytesField(16, bytesField(1, leader)),
  ]);
}

/**
 * A serialised ServerDef: cluster 1, job_name 2, task_index 3, default_session_config 4, protocol 5. The cluster has one job (1), with a
 * name 1 and tasks 2, each a number 1 and an address 2.
 *
 * @param addresses `host:port` of each member's server
 */
export function serverDefinition(addresses: readonly string[], index: number, config: Uint8Array): Buffer {
  const tasks = addresses.map((address, task) => bytesField(2, integerField(1, task), bytesField(2, address)));
  return Buffer.concat([
    bytesField(1, bytesField(1, bytesField(1, 'worker'), ...tasks)),
    bytesField(2, 'worker'),
    integerField(3, index),
    bytesField(4, config),
    bytesField(5, 'grpc'),
  ]);
}
