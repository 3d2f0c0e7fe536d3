/** Why the program cannot start, in one sentence that says what to do; shown without a stack. */
export class StartupError extends Error {}
