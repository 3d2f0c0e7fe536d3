import { Database, type Queryable, type Transaction } from '@banyan/platform/database/database';
import { sql } from '@banyan/platform/database/sql';
import { Injectable } from '@nestjs/common';
import type { Kind, TemplateParts } from './contract';

/** A version that an admin has saved. */
export interface TemplateRow extends TemplateParts {
  readonly kind: Kind;
  readonly version: number;
  readonly created_by: string;
  readonly created_at: string;
}

@Injectable()
export class TemplateStore {
  constructor(private readonly database: Database) {}

  /** The newest one of each kind that has any. */
  newest(): Promise<TemplateRow[]> {
    return this.database.query<TemplateRow>(sql`
      SELECT DISTINCT ON (kind) kind, version, subject, text, html, created_by, created_at
      FROM banyan_notification.templates ORDER BY kind, version DESC`);
  }

  async newestOf(kind: Kind, from: Queryable = this.database): Promise<TemplateRow | undefined> {
    const [row] = await from.query<TemplateRow>(sql`
      SELECT kind, version, subject, text, html, created_by, created_at
      FROM banyan_notification.templates WHERE kind = ${kind} ORDER BY version DESC LIMIT 1`);
    return row;
  }

  /** The newest first. */
  versionsOf(kind: Kind): Promise<TemplateRow[]> {
    return this.database.query<TemplateRow>(sql`
      SELECT kind, version, subject, text, html, created_by, created_at
      FROM banyan_notification.templates WHERE kind = ${kind} ORDER BY version DESC LIMIT 1000`);
  }

  async find(kind: Kind, version: number): Promise<TemplateRow | undefined> {
    const [row] = await this.database.query<TemplateRow>(sql`
      SELECT kind, version, subject, text, html, created_by, created_at
      FROM banyan_notification.templates WHERE kind = ${kind} AND version = ${version}`);
    return row;
  }

  /** Undefined if the version is taken: somebody saved at the same time. */
  async insertOnce(tx: Transaction, draft: Omit<TemplateRow, 'created_at'>): Promise<TemplateRow | undefined> {
    const { kind, version, subject, text, html, created_by } = draft;
    const [row] = await tx.query<TemplateRow>(sql`
      INSERT INTO banyan_notification.templates (kind, version, subject, text, html, created_by)
      VALUES (${kind}, ${version}, ${subject}, ${text}, ${html}, ${created_by})
      ON CONFLICT DO NOTHING RETURNING kind, version, subject, text, html, created_by, created_at`);
    return row;
  }
}
