import { Database } from '@banyan/platform/database/database';
import { Injectable } from '@nestjs/common';
import { Kind, type Template, TemplateBroken, TemplateMoved, type TemplateParts, TemplateVersionNotFound } from './contract';
import { kinds, variablesOf } from './kinds';
import { type Fault, faultsOf } from './templates/check';
import { render } from './templates/render';
import { shipped } from './templates/shipped';
import { type TemplateRow, TemplateStore } from './template.store';

/** Versions of templates. The newest one is in use; where there is none, the one that Banyan ships. */
@Injectable()
export class TemplateService {
  constructor(
    private readonly store: TemplateStore,
    private readonly database: Database,
  ) {}

  async list(): Promise<Template[]> {
    const saved = new Map((await this.store.newest()).map((row) => [row.kind, row]));
    return Kind.options.map((kind) => toTemplate(kind, saved.get(kind)));
  }

  async inUse(kind: Kind): Promise<Template> {
    return toTemplate(kind, await this.store.newestOf(kind));
  }

  async versions(kind: Kind): Promise<Template[]> {
    return [...(await this.store.versionsOf(kind)).map((row) => toTemplate(kind, row)), toTemplate(kind)];
  }

  /** @throws TemplateBroken, TemplateMoved */
  async save(kind: Kind, parts: TemplateParts, by: string, expected?: number | null): Promise<Template> {
    this.requireSound(kind, parts);
    return this.database.transaction(async (tx) => {
      const newest = toTemplate(kind, await this.store.newestOf(kind, tx));
      // A repeat whose first answer was lost, or nothing new.
      if (isSame(newest, parts)) return newest;
      const moved = () => TemplateMoved({ version: newest.version });
      if (typeof expected === 'number' && expected !== newest.version) throw moved();
      const { subject, text, html } = parts;
      const row = await this.store.insertOnce(tx, { kind, version: newest.version + 1, subject, text, html, created_by: by });
      if (!row) throw moved();
      return toTemplate(kind, row);
    });
  }

  /** @throws TemplateVersionNotFound, TemplateBroken: what was sound may lack what became needed */
  async restore(kind: Kind, version: number, by: string): Promise<Template> {
    const found = version === 0 ? shipped[kind] : await this.store.find(kind, version);
    if (!found) throw TemplateVersionNotFound();
    return this.save(kind, found, by);
  }

  /** With example data. @throws TemplateBroken */
  async preview(kind: Kind, draft: Partial<TemplateParts>, common: Readonly<Record<string, string>>): Promise<TemplateParts> {
    const { subject, text, html } = await this.inUse(kind);
    const parts = { subject: draft.subject ?? subject, text: draft.text ?? text, html: draft.html ?? html };
    this.requireSound(kind, parts);
    return render(parts, { ...kinds[kind].variables, ...common });
  }

  /** @throws TemplateBroken with all that is wrong */
  private requireSound(kind: Kind, parts: TemplateParts): void {
    const rules = { variables: variablesOf(kind), needs: kinds[kind].needs };
    const faults: Fault[] = (['subject', 'text', 'html'] as const).flatMap((part) => faultsOf(part, parts[part], rules));
    if (faults.length === 0) {
      const made = render(parts, Object.fromEntries(rules.variables.map((name) => [name, name])));
      for (const part of ['subject', 'text', 'html'] as const) if (!made[part].trim()) faults.push({ part, problem: 'it is empty' });
    }
    if (faults.length > 0) throw TemplateBroken({ faults: faults.slice(0, 50) });
  }
}

function toTemplate(kind: Kind, row?: TemplateRow): Template {
  const { subject, text, html } = row ?? shipped[kind];
  const { version, created_by, created_at } = row ?? { version: 0, created_by: null, created_at: null };
  return { kind, version, subject, text, html, created_by, created_at, variables: variablesOf(kind) };
}

const isSame = (a: TemplateParts, b: TemplateParts): boolean => a.subject === b.subject && a.text === b.text && a.html === b.html;
