/** Specs stand beside the code; end-to-end tests in test/. Both talk to real servers whose addresses test/run.mjs puts into the environment. */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/migrations', '<rootDir>/test'],
  testMatch: ['**/*.spec.ts', '**/*.e2e.ts'],
  transform: { '^.+\\.ts$': '@swc/jest' },
  moduleNameMapper: {
    '^@banyan/domains$': '<rootDir>/libs/domains.ts',
    '^@banyan/([^/]+)/(.*)$': '<rootDir>/libs/$1/src/$2',
  },
  testTimeout: 60_000,
};
