import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { findFolder } from './sources.mjs';

const ACCESS_KEY = 'banyan';

/** Ceph's S3 gateway with one monitor and one store in memory: the smallest real server that Debian has. Its data ends with it. */
export const s3 = {
  name: 's3',
  setting: 'S3_URL',
  program: 'radosgw',
  debianPackages: ['radosgw', 'ceph-mon', 'ceph-osd'],
  image: 'chrislusf/seaweedfs:4.47', // Ceph's own image cannot be told its keys by its surroundings; this is the server of docker-compose.yml
  stopSignal: 'SIGKILL', // it would take two minutes to say goodbye
  morePorts: ['monitor'],

  findBinaries() {
    const folder = findFolder('radosgw', ['/usr/bin']);
    return folder && { folder };
  },

  prepare({ folder, port, password, more, binaries }) {
    const conf = join(folder, 'ceph.conf');
    const keyring = join(folder, 'keyring');
    const fsid = randomUUID();
    const lines = [
      '[global]',
      `fsid = ${fsid}`,
      `mon host = [v2:127.0.0.1:${more.monitor}]`,
      'mon initial members = a',
      'auth cluster required = cephx',
      'auth service required = cephx',
      'auth client required = cephx',
      `keyring = ${keyring}`,
      `run dir = ${folder}`,
      `admin socket = ${folder}/$cluster-$name.asok`,
      `log file = ${folder}/$name.log`,
      'public addr = 127.0.0.1',
      'cluster addr = 127.0.0.1',
      'ms bind ipv4 = true',
      'ms bind ipv6 = false',
      'ms bind msgr1 = false',
      'osd objectstore = memstore',
      'memstore device bytes = 2147483648',
      'osd pool default size = 1',
      'osd pool default min size = 1',
      'osd pool default pg num = 1',
      'osd pool default pgp num = 1',
      'osd pool default pg autoscale mode = off',
      'osd crush chooseleaf type = 0',
      'mon allow pool size one = true',
      'mon data avail crit = 1',
      'mon max pg per osd = 1000',
      `mon data = ${folder}/mon`,
      `osd data = ${folder}/osd`,
      '[client.rgw]',
      `rgw frontends = beast endpoint=127.0.0.1:${port}`,
      'rgw lc debug interval = 10',
      'rgw dns name =',
      '',
    ];
    writeFileSync(conf, lines.join('\n'), { mode: 0o600 });
    const script = join(folder, 'start.sh');
    writeFileSync(script, startScript({ folder, conf, keyring, fsid, password, monitor: more.monitor, bin: binaries.folder }), {
      mode: 0o700,
    });
    for (const name of ['mon', 'osd']) mkdirSync(join(folder, name), { recursive: true });
    return { command: '/bin/bash', args: [script] };
  },

  container: ({ password }) => ({
    port: 8333,
    env: { AWS_ACCESS_KEY_ID: ACCESS_KEY, AWS_SECRET_ACCESS_KEY: password },
    command: ['mini', '-dir=/data'],
  }),

  async isReady({ port, folder, container }) {
    if (!container && !existsSync(join(folder, 'ready'))) return false;
    try {
      return (await fetch(`http://127.0.0.1:${port}/`)).status < 500;
    } catch {
      return false;
    }
  },

  url: ({ port, password }) => `http://${ACCESS_KEY}:${password}@127.0.0.1:${port}`,
};

/** Everything anew at each start: the store is in memory. The processes are children of this one's group, which is killed as a whole. */
function startScript({ folder, conf, keyring, fsid, password, monitor, bin }) {
  return `#!/bin/bash
set -e
export PATH=${bin}:$PATH CEPH_CONF=${conf}
cd ${folder}
rm -rf mon/* osd/* ready keyring monmap *.asok
for entity in mon. client.admin client.rgw osd.0; do
  ceph-authtool $([ -e ${keyring} ] || echo --create-keyring) ${keyring} --gen-key -n $entity --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
done
monmaptool --create --fsid ${fsid} --addv a '[v2:127.0.0.1:${monitor}]' monmap
ceph-mon -c ${conf} --mkfs -i a --monmap monmap --keyring ${keyring}
ceph-mon -c ${conf} -f -i a &
id=$(cat /proc/sys/kernel/random/uuid)
ceph -c ${conf} --connect-timeout 60 osd new $id 0
ceph-osd -c ${conf} --mkfs -i 0 --osd-uuid $id
ceph-osd -c ${conf} -f -i 0 &
radosgw -c ${conf} -f -n client.rgw &
radosgw-admin -c ${conf} -n client.rgw user create --uid=banyan --display-name=banyan --access-key=${ACCESS_KEY} --secret-key=${password}
touch ready
wait
`;
}
