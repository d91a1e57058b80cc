import { hash } from '../../files.js';
import { TrainbookError } from '../../error.js';

/** Which process of which group this one is. */
export interface Membership {
  /** `host:port` of each member, by index. Only the first one's port is used: there the members meet. */
  readonly hosts: readonly string[];
  readonly index: number;
  /** Known to the members of one group only; default: a hash of the hosts. */
  readonly id?: string;
}

/** The variables that `trainbook launch` sets for each process it starts. */
export const variables = {
  hosts: 'TRAINBOOK_GROUP_HOSTS',
  index: 'TRAINBOOK_GROUP_INDEX',
  id: 'TRAINBOOK_GROUP_ID',
  silence: 'TRAINBOOK_GROUP_TIMEOUT',
} as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** A membership as environment variables. */
export function toEnvironment({ hosts, index, id }: Membership): Record<string, string> {
  return {
    [variables.hosts]: hosts.join(','),
    [variables.index]: String(index),
    ...(id === undefined ? {} : { [variables.id]: id }),
  };
}

/** The membership that `trainbook launch` has put into the environment, or undefined. */
export function membershipOf(environment: Environment = process.env): Membership | undefined {
  const hosts = environment[variables.hosts];
  if (hosts === undefined || hosts === '') return undefined;
  const id = environment[variables.id];
  const index = Number(environment[variables.index] ?? NaN);
  return { hosts: hosts.split(','), index, ...(id === undefined || id === '' ? {} : { id }) };
}

export interface Place {
  readonly host: string;
  readonly port?: number;
}

/** `node01:4000`, or a host alone. */
export function parseHost(text: string): Place {
  const [, host = '', digits] = /^([^\s:]+)(?::(\d+))?$/.exec(text.trim()) ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  if (host === '' || (port !== undefined && (port < 1 || port > 65_535))) {
    throw new TrainbookError({
      what: 'group: no address of a member',
      received: text,
      expected: 'a host, or host:port with a port from 1 to 65535, such as node01:4000',
    });
  }
  return port === undefined ? { host } : { host, port };
}

/** A membership taken apart and checked. */
export interface Meeting {
  readonly group: string;
  readonly hosts: readonly string[];
  readonly index: number;
  readonly port: number;
}

/** @throws TrainbookError for an index or an address that cannot be */
export function meeting({ hosts, index, id }: Membership): Meeting {
  const places = hosts.map(parseHost);
  const port = places[0]?.port;
  if (!Number.isSafeInteger(index) || index < 0 || index >= hosts.length) {
    throw new TrainbookError({
      what: 'group: this process has no place in the group',
      received: `index ${index} of ${hosts.length} hosts`,
      expected: 'an integer from 0 to the number of hosts − 1',
    });
  }
  if (port === undefined) {
    throw new TrainbookError({
      what: 'group: the first host needs a port, where the members meet',
      received: hosts[0] ?? '',
      expected: 'host:port, such as node01:4000',
    });
  }
  return { group: id ?? hash(hosts.join(',')), hosts: places.map(({ host }) => host), index, port };
}
