import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Delivery, Outcome, Transport } from './transport';

/** Mails as files, for those who have no mail server: one file a mail, however often it is delivered. */
export class FolderTransport implements Transport {
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
    return { kind: 'accepted' };
  }
}
