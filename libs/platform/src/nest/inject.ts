import { Inject } from '@nestjs/common';

/** Under which names Nest keeps the parts of the platform that are interfaces or plain values. */
export const LOG = Symbol('log');
export const KEYVALUE = Symbol('keyvalue');
export const OBJECTS = Symbol('objects');
export const SETTINGS = Symbol('settings');
export const JWT_SECRET = Symbol('jwt secret');

/** What this process follows in host_db: `HostState`, or undefined where there is none (a domain's spec). */
export const HOST_STATE = Symbol('host state');

/** The process's log: `@InjectLog() private readonly log: Logger`. */
export const InjectLog = () => Inject(LOG);

/** The key-value store: `@InjectKeyValue() private readonly keyvalue: KeyValue`. */
export const InjectKeyValue = () => Inject(KEYVALUE);
