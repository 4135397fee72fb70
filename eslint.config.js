import tseslint from 'typescript-eslint'

/**
 * Imports point one way: the folder on the left must not import what is on the right, but for what has a `!`. The rule of a
 * folder inside another stands behind it and takes its place.
 */
const forbiddenImports = {
  'src/store': ['flow', 'http', 'plugins', 'catalog', 'registry', 'mapping', 'auth', 'secrets', 'sandbox', 'cli'],
  'src/flow': ['http', 'sandbox', 'cli', 'store/sqlite', 'plugins/stripe', 'plugins/xsolla', 'catalog/files', 'auth'],
  'src/catalog': ['http', 'sandbox', 'cli', 'store/sqlite', 'plugins/stripe', 'registry', 'mapping', 'auth', 'secrets'],
  'src/catalog/files': [
    ...['http', 'sandbox', 'cli', 'store/sql', 'store/sqlite', 'plugins'],
    ...['registry', 'mapping', 'auth', 'secrets', 'flow'],
  ],
  'src/registry': [
    ...['http', 'sandbox', 'cli', 'store/sql', 'store/sqlite', 'plugins'],
    ...['catalog', 'mapping', 'auth', 'secrets', 'flow'],
  ],
  'src/mapping': [
    ...['http', 'sandbox', 'cli', 'store/sql', 'store/sqlite', 'plugins'],
    ...['catalog', 'auth', 'secrets', 'flow'],
  ],
  'src/auth': [
    ...['http', 'sandbox', 'cli', 'store/sql', 'store/sqlite', 'plugins'],
    ...['catalog', 'registry', 'mapping', 'flow'],
  ],
  'src/secrets': [
    ...['http', 'sandbox', 'cli', 'store/sql', 'store/sqlite', 'plugins'],
    ...['catalog', 'registry', 'mapping', 'auth', 'flow', '!flow/context.ts'],
  ],
  'src/plugins': [
    ...['http', 'sandbox', 'cli', 'store'],
    ...['catalog', 'registry', 'mapping', 'auth', 'secrets', '!secrets/redact.ts'],
  ],
  'src/search': [
    ...['http', 'sandbox', 'cli', 'store', 'plugins'],
    ...['catalog', 'registry', 'mapping', 'auth', 'secrets', 'flow'],
  ],
  'src/http': ['sandbox', 'cli', 'store/sqlite', 'plugins/stripe', 'plugins/xsolla'],
  'src/sandbox': ['flow', 'http', 'store', 'catalog', 'registry', 'mapping', 'auth', 'secrets', 'plugins', 'cli'],
}

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'coverage/', 'data/'] },
  ...tseslint.configs.recommended,
  {
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['src/cli/**', 'src/main.ts', 'bench/**', 'bin/**'],
    rules: { 'no-console': 'off' },
  },
  ...Object.entries(forbiddenImports).map(([folder, forbidden]) => ({
    files: [`${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: forbidden.map((name) => (name.startsWith('!') ? `!**/${name.slice(1)}` : `**/${name}/**`)),
              message: 'Imports point one way, see docs/architecture.md.',
            },
          ],
        },
      ],
    },
  })),
  {
    files: ['src/**/*.ts'],
    ignores: ['src/http/**', 'src/sandbox/**', 'src/host.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        { selector: "ImportDeclaration[source.value='express']", message: 'Express stays in src/http.' },
      ],
    },
  },
)
