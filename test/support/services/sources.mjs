/** Where a server's program comes from: this machine, Debian's packages, a Docker engine; in this order. */
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { Refusal } from '../../../apps/server/install.mjs';

export const isRoot = process.getuid?.() === 0;

/** The folder among `folders` and PATH that has the program. */
export function findFolder(program, folders = []) {
  return [...folders, ...(process.env.PATH ?? '').split(delimiter)].find((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Decide for every service how it runs.
 *
 * @returns a map from service to `{ binaries }` or `{ container: true }`
 * @throws Refusal naming everything that is missing, and how to get it
 */
export async function findSources(services) {
  const sources = new Map();
  const find = async () => {
    for (const service of services) {
      const binaries = sources.has(service) ? undefined : await service.findBinaries();
      if (binaries) sources.set(service, { binaries });
    }
    return services.filter((service) => !sources.has(service));
  };
  let missing = await find();
  if (missing.length > 0 && isRoot && existsSync('/usr/bin/apt-get')) {
    installWithApt(missing.flatMap((service) => service.debianPackages));
    missing = await find();
  }
  if (missing.length > 0 && hasDocker()) {
    for (const service of missing.filter(({ image }) => image)) sources.set(service, { container: true });
    missing = services.filter((service) => !sources.has(service));
  }
  if (missing.length > 0) throw new Refusal(missing.map(howToGet).join('\n'));
  return sources;
}

function howToGet({ program, debianPackages, image }) {
  const otherwise = image ? ', or start a Docker engine' : '';
  return `${program} is missing: install it (on Debian, as root: apt-get install ${debianPackages.join(' ')})${otherwise}.`;
}

/** A failure shows when the programs are looked for again. */
function installWithApt(packages) {
  console.log(`Installing ${packages.join(' ')} with apt …`);
  const apt = (...args) =>
    spawnSync('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=300', ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    });
  // The packages would start services of their own. Debian asks this file whether they may; ours says no for as long as we live.
  const policy = '/usr/sbin/policy-rc.d';
  const isOurs = !existsSync(policy);
  if (isOurs) writeFileSync(policy, `#!/bin/sh\n[ ! -d /proc/${process.pid} ] || exit 101\n`, { mode: 0o755 });
  try {
    apt('update');
    apt('install', '-y', '--no-install-recommends', ...packages);
  } finally {
    if (isOurs) rmSync(policy, { force: true });
  }
}

function hasDocker() {
  return spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 20_000 }).status === 0;
}

export function docker(...args) {
  return execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}
