/**
 * A process that imports this writes down, when it ends, where it has allocated: a sampling heap profile that counts what was collected
 * meanwhile as well (Node's own --heap-prof shows what is left at the end). The file is in the query of the import.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';

const session = new Session();
session.connect();
session.post('HeapProfiler.startSampling', {
  samplingInterval: 2 ** 17,
  includeObjectsCollectedByMajorGC: true,
  includeObjectsCollectedByMinorGC: true,
});
// In the same thread it is answered at once.
process.on('exit', () => {
  session.post('HeapProfiler.stopSampling', (error, answer) => {
    if (error) throw error;
    writeFileSync(new URL(import.meta.url).searchParams.get('file'), JSON.stringify(answer.profile));
  });
});
