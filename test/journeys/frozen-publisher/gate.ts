/** An advisory lock in the message database: handlers go through when they can share it. */
export const GATE = 4_711;
