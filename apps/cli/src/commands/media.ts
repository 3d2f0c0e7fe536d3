import { copyUploads } from '@banyan/migration/media/copy-uploads';
import { StartupError } from '@banyan/platform/config/startup-error';
import { openObjects } from '@banyan/platform/objects/open-objects';
import { ReadThroughObjects } from '@banyan/platform/objects/read-through.objects';
import { jwtSecret } from '@banyan/platform/config/jwt-secret';
import { Command } from 'commander';
import { settingsHere, withDomainDatabase } from '../databases';
import { NeedsAttention } from '../exit';
import { print, printJson } from '../terminal';

/** `banyan media copy`: the monolith's folder of uploads into the object store. */
export function mediaCommand(): Command {
  return new Command('media')
    .description('look after files')
    .helpCommand(false)
    .addCommand(
      new Command('copy')
        .description("the monolith's uploads into the object store, with their hashes; can be stopped and run again")
        .option('--json', 'as JSON: {copied, there, missing, changed, bytes}')
        .action(copy),
    );
}

async function copy({ json }: { json?: true }): Promise<void> {
  const settings = settingsHere();
  const folder = settings.LEGACY_UPLOADS_DIR;
  if (!folder) throw new StartupError("Set LEGACY_UPLOADS_DIR to the monolith's folder of uploads.");
  const objects = openObjects(settings, await jwtSecret(settings)) as ReadThroughObjects;
  try {
    await objects.prepare();
    const report = await withDomainDatabase(settings, 'media', (database) => copyUploads(database, objects.store, folder, showProgress));
    if (json) printJson(report);
    else
      print(
        `${report.copied} copied (${report.bytes} bytes), ${report.there} were there, ${report.missing.length} rows without a file, ${report.changed.length} that differ from their row\n`,
      );
    if (report.missing.length + report.changed.length > 0) throw new NeedsAttention('Some attachments have no file, or another one.');
  } finally {
    await objects.close();
  }
}

/** On a terminal one line that counts, in a log a line for each hundredth of the way. */
function showProgress({ done, of }: { done: number; of: number }): void {
  const isOver = done === of;
  if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${of}${isOver ? '\n' : ''}`);
  else if (isOver || done % Math.ceil(of / 100) === 0) process.stderr.write(`${done} of ${of}\n`);
}
