import { domainError } from '@banyan/platform/contract';

/** By its name's extension, or because its content is something else. */
export const FileTypeNotAllowed = domainError('media.file_type_not_allowed', { status: 400, detail: 'File type not allowed' });

/** More bytes than the limit; `detail` names it. */
export const FileTooLarge = domainError('media.file_too_large', { status: 400, detail: 'File too large' });

/** More pixels than are shown anywhere: a small file that would fill a reader's memory. */
export const ImageTooLarge = domainError('media.image_too_large', { status: 400, detail: 'The image has too many pixels' });

export const QuotaExceeded = domainError('media.quota_exceeded', {
  status: 413,
  detail: 'Your uploads take up all the space you have. Delete some of them.',
});

export const MediaNotFound = domainError('media.not_found', { status: 404, detail: 'Media not found' });

export const FileNotFound = domainError('media.file_not_found', { status: 404, detail: 'File not found. It may have been removed.' });

/** It was here, and nobody else has it. */
export const FileRemoved = domainError('media.file_removed', { status: 404, detail: 'File not found. It has been removed.' });

export const NotTheUploader = domainError('media.not_the_uploader', { status: 403, detail: 'Only who uploaded it can delete it' });

/** The reservation is unknown, not the caller's, or over. Nothing was stored. */
export const UploadNotFound = domainError('media.upload_not_found', { status: 409, detail: 'The upload took too long. Try again.' });
