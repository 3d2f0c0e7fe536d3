/** Where a room measures: the servers of the run, databases of its own on them, and a folder. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { root } from '../../apps/server/install.mjs';
import { cpuMs, familyCpuMs } from './usage.mjs';

const require = createRequire(join(root, 'dist/package.json'));

export class Place {
  secret = randomBytes(32).toString('hex');
  #given = 0;

  /** @param services of `startServices`; @param folder goes with the run */
  constructor({ settings, env }, folder) {
    this.servers = settings;
    this.folder = folder;
    const records = JSON.parse(readFileSync(env.TEST_SERVICES_FILE, 'utf8')).services;
    const pidOf = (name) => records[name]?.process?.pid; // nothing is known of one in a container
    this.brokerPid = pidOf('rabbitmq');
    /** Processor time of the servers so far, ms. */
    this.meters = {
      postgres: () => familyCpuMs(pidOf('postgres')),
      redis: () => cpuMs(pidOf('redis')),
      broker: () => familyCpuMs(pidOf('rabbitmq')),
    };
  }

  /**
   * Settings of a server, with databases and a key-value store of their own: no room meets what another has left. Without the broker, which
   * `AMQP_URL` of `servers` names.
   */
  settings(name) {
    const { DATABASE_URL, REDIS_URL } = this.servers;
    return {
      DATABASE_URL,
      ...this.databases((domain) => `${name}_${domain}`),
      REDIS_URL: pathed(REDIS_URL, ++this.#given),
      JWT_SECRET_KEY: this.secret,
      DATA_DIR: join(this.folder, name, 'data'),
    };
  }

  /** @param nameOf a domain, or `host` @returns the settings that name the databases: AUTH_DATABASE_URL … */
  databases(nameOf) {
    const { domains } = require('./libs/domains.js');
    const names = [...Object.keys(domains).filter((domain) => domains[domain].database), 'host'];
    return Object.fromEntries(names.map((name) => [`${name.toUpperCase()}_DATABASE_URL`, pathed(this.servers.DATABASE_URL, nameOf(name))]));
  }

  /** In a file: lists of requests are too much for a command line. @returns its name */
  write(name, value) {
    const file = join(this.folder, `${name}.json`);
    writeFileSync(file, JSON.stringify(value));
    return file;
  }
}

/** The address with another path: another database. */
export function pathed(url, path) {
  const changed = new URL(url);
  changed.pathname = `/${path}`;
  return changed.href;
}
