import { join } from 'node:path';
import { usesOwnServers } from '@banyan/platform/config/databases';
import type { Settings } from '@banyan/platform/config/table';
import { Database } from '@banyan/platform/database/database';
import { isAtHome } from '@banyan/platform/dispatch/routes';
import { dataOf } from '@banyan/platform/nest/databases';
import { HOST_STATE, LOG, SETTINGS } from '@banyan/platform/nest/inject';
import type { HostState } from '@banyan/platform/nest/platform.module';
import type { Logger } from '@banyan/platform/telemetry/log';
import { Module } from '@nestjs/common';
import { Contents } from './content';
import { Links } from './links';
import { MailStore } from './mail.store';
import { NotificationController } from './notification.controller';
import { NotificationHandlers } from './notification.handlers';
import { NotificationService } from './notification.service';
import { FolderTransport } from './sending/folder';
import { Sender } from './sending/sender';
import { SmtpTransport } from './sending/smtp';
import type { Transport } from './sending/transport';
import { TemplateService } from './template.service';
import { TemplateStore } from './template.store';
import { WishService } from './wish.service';
import { WishStore } from './wish.store';

@Module({
  controllers: [NotificationController],
  providers: [
    ...dataOf('notification'),
    MailStore,
    TemplateStore,
    TemplateService,
    WishStore,
    WishService,
    Contents,
    NotificationService,
    NotificationHandlers,
    {
      provide: Links,
      inject: [SETTINGS],
      useFactory: ({ PUBLIC_URL, FRONTEND_URL }: Settings) => new Links(PUBLIC_URL, FRONTEND_URL ?? PUBLIC_URL),
    },
    {
      provide: Sender,
      inject: [Database, MailStore, Contents, TemplateService, WishService, Links, SETTINGS, LOG, { token: HOST_STATE, optional: true }],
      useFactory: (
        database: Database,
        store: MailStore,
        contents: Contents,
        templates: TemplateService,
        wishes: WishService,
        links: Links,
        settings: Settings,
        log: Logger,
        host: HostState | undefined,
      ) =>
        new Sender({
          database,
          store,
          contents,
          templates,
          wishes,
          links,
          log,
          from: settings.MAIL_FROM,
          transport: transportOf(settings, log),
          isAtWork: () => !host || isAtHome(host.routes.routes.weights('notification'), settings.SERVE),
        }),
    },
  ],
})
export class NotificationModule {}

/** With everything embedded a developer reads his mail in the log; elsewhere no link of anybody's is written there. */
function transportOf(settings: Settings, log: Logger): Transport {
  const { SMTP_URL, DATA_DIR } = settings;
  if (SMTP_URL) return new SmtpTransport(SMTP_URL);
  const isEmbedded = !usesOwnServers(settings);
  return new FolderTransport(join(DATA_DIR, 'mail'), (file, link) => log.info({ file, ...(isEmbedded ? { link } : {}) }, 'mail written'));
}
