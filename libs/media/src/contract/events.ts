import { event, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';

/** A file was stored; it waits for a message. */
export const mediaUploaded = event('media.uploaded', z.object({ media_id: Uuid, uploader_id: Uuid }));

/** It is found no more; its bytes go soon after. `by` is null if nobody asked: nothing referred to it. */
export const mediaDeleted = event('media.deleted', z.object({ media_id: Uuid, message_id: Uuid.nullable(), by: Uuid.nullable() }));
