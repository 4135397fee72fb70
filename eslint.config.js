import tseslint from 'typescript-eslint'

/** Imports point one way: the folder on the left must not import the folders on the right. A folder inside another comes later. */
const forbiddenImports = {
  'src/store': ['flow', 'http', 'plugins', 'catalog', 'sandbox', 'cli'],
  'src/flow': ['http', 'sandbox', 'cli', 'store/sqlite', 'plugins/stripe'],
  'src/catalog': ['http', 'sandbox', 'cli', 'store/sqlite', 'plugins/stripe'],
  'src/catalog/files': [
    'http',
    'flow',
    'registry',
    'mapping',
    'auth',
    'secrets',
    'sandbox',
    'cli',
    'plugins',
    'store/sql',
    'store/sqlite',
  ],
  'src/registry': [
    'http',
    'flow',
    'mapping',
    'catalog',
    'auth',
    'secrets',
    'sandbox',
    'cli',
    'plugins',
    'store/sql',
    'store/sqlite',
  ],
  'src/mapping': ['http', 'catalog', 'auth', 'secrets', 'sandbox', 'cli', 'plugins', 'store/sql', 'store/sqlite'],
  'src/auth': [
    'http',
    'flow',
    'registry',
    'mapping',
    'catalog',
    'sandbox',
    'cli',
    'plugins',
    'store/sql',
    'store/sqlite',
  ],
  'src/secrets': [
    'http',
    'registry',
    'mapping',
    'catalog',
    'auth',
    'sandbox',
    'cli',
    'plugins',
    'store/sql',
    'store/sqlite',
  ],
  'src/plugins': ['http', 'store', 'catalog', 'sandbox', 'cli'],
  'src/http': ['sandbox', 'cli', 'store/sqlite', 'plugins/stripe'],
  'src/sandbox': ['flow', 'http', 'store', 'catalog', 'plugins', 'cli'],
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
              group: forbidden.map((name) => `**/${name}/**`),
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
