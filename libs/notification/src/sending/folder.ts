import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Delivery, Outcome, Transport } from './transport';

/** The newest ones; what is older nobody looks for, and its links have ended. */
export const KEPT_FILES = 2_000;
/** Mails after which the older ones are looked for. */
const SWEEP_EVERY = 100;

/** Mails as files, for those who have no mail server: one file a mail, however often it is delivered, and not more of them for ever. */
export class FolderTransport implements Transport {
  private delivered = 0;

  constructor(
    private readonly folder: string,
    private readonly onDelivered: (file: string, link?: string) => void = () => undefined,
  ) {}

  async deliver({ content, name, link, beforeContent }: Delivery): Promise<Outcome> {
    const file = join(this.folder, `${name}.eml`);
    try {
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      await beforeContent();
      // Whole or not at all; readable by its owner only, since there are links in it.
      await writeFile(`${file}.new`, content, { mode: 0o600 });
      await rename(`${file}.new`, file);
    } catch (error) {
      return { kind: 'not_now', reason: (error as NodeJS.ErrnoException).code ?? (error as Error).name };
    }
    this.onDelivered(file, link);
    if (this.delivered++ % SWEEP_EVERY === 0) await this.sweep().catch(() => undefined); // the mail is there all the same
    return { kind: 'accepted' };
  }

  /** Their names begin with the time at which they were asked for. */
  private async sweep(): Promise<void> {
    const names = (await readdir(this.folder)).filter((name) => /^\d{8}T\d+Z-[\w-]+\.eml(\.new)?$/.test(name)).sort();
    for (const name of names.slice(0, -KEPT_FILES)) await rm(join(this.folder, name), { force: true });
  }
}
