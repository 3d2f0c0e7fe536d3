import { readFileSync } from 'node:fs';
import { domains } from '@banyan/domains';
import { picture, pictureFile } from './picture';

describe('the picture of the architecture', () => {
  it('is the one that `npm run picture` draws from libs/domains.ts', () => {
    expect(readFileSync(pictureFile, 'utf8')).toBe(picture(domains));
  });
});
