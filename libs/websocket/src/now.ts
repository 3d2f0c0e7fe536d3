/** For frames that tell of nothing stored; with six digits, as the database's instants have. */
export const now = (): string => new Date().toISOString().replace('Z', '000Z');
