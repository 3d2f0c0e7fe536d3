import { sign } from 'jsonwebtoken';

/** Access tokens as legacy makes them: HS256, `sub` and `exp` and nothing else, so that either side takes the other's. */
export class AccessTokens {
  constructor(
    private readonly secret: string,
    private readonly lifeMinutes: number,
  ) {}

  issue(userId: string): string {
    const exp = Math.floor(Date.now() / 1000) + this.lifeMinutes * 60;
    return sign({ sub: userId, exp }, this.secret, { algorithm: 'HS256', noTimestamp: true });
  }
}
