import type { Settings } from '@banyan/platform/config/table';
import { type CallContext, type Handlers, type Input } from '@banyan/platform/contract';
import { Serves } from '@banyan/platform/dispatch/serves';
import { SETTINGS } from '@banyan/platform/nest/inject';
import { Inject } from '@nestjs/common';
import {
  type list,
  type mails,
  type markRead,
  notificationContract,
  type previewTemplate,
  type purge,
  type restoreTemplate,
  type saveTemplate,
  type sendTest,
  type setPreference,
  type templateVersions,
  type unsubscribe,
} from './contract';
import { Links } from './links';
import { NotificationService } from './notification.service';
import { TemplateService } from './template.service';
import { WishService } from './wish.service';

@Serves(notificationContract)
export class NotificationController implements Handlers<typeof notificationContract> {
  constructor(
    private readonly notifications: NotificationService,
    private readonly wishes: WishService,
    private readonly saved: TemplateService,
    private readonly links: Links,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  list({ limit, cursor }: Input<typeof list>, { actor }: CallContext) {
    return this.notifications.list(actor.userId, limit, cursor ?? null);
  }

  markRead({ notification_id }: Input<typeof markRead>, { actor }: CallContext) {
    return this.notifications.markRead(actor.userId, notification_id);
  }

  preferences(_none: object, { actor }: CallContext) {
    return this.wishes.preferences(actor.userId);
  }

  setPreference(wish: Input<typeof setPreference>, { actor }: CallContext) {
    return this.wishes.set(actor.userId, wish);
  }

  unsubscribe({ token }: Input<typeof unsubscribe>) {
    return this.wishes.unsubscribe(token);
  }

  mails({ state, limit, cursor }: Input<typeof mails>) {
    return this.notifications.mails(state ?? null, limit, cursor ?? null);
  }

  async templates() {
    return { templates: await this.saved.list() };
  }

  async templateVersions({ kind }: Input<typeof templateVersions>) {
    return { versions: await this.saved.versions(kind) };
  }

  saveTemplate({ kind, expected_version, ...parts }: Input<typeof saveTemplate>, { actor }: CallContext) {
    return this.saved.save(kind, parts, actor.userId, expected_version);
  }

  restoreTemplate({ kind, version }: Input<typeof restoreTemplate>, { actor }: CallContext) {
    return this.saved.restore(kind, version, actor.userId);
  }

  previewTemplate({ kind, ...parts }: Input<typeof previewTemplate>) {
    return this.saved.preview(kind, parts, { app: this.settings.MAIL_FROM.name, app_url: this.links.app });
  }

  sendTest({ kind }: Input<typeof sendTest>, { actor, key }: CallContext) {
    return this.notifications.sendTest(kind, actor.userId, key);
  }

  async purge({ user_id }: Input<typeof purge>) {
    await this.notifications.purge(user_id);
    return {};
  }
}
