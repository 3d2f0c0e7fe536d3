export * from './context';
export * from './email';
export * from './error';
export * from './event';
export * from './operation';
export * from './types';
