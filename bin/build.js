#!/usr/bin/env node
/**
 * src/ to dist/: TypeScript for Node by tsc, each page's script and what it imports into one file by esbuild, pages' static files
 * as they are. A build that fails leaves the dist/ before it in place.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { fingerprint, STAMP } from './build-stamp.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, 'src', 'web');
/** As deep as dist/, so that the source maps' relative paths hold once it is renamed. */
const output = join(root, '.build');
const PAGES = ['watch.ts', 'console.ts'];
const STATIC = new Set(['.html', '.css', '.svg']);

async function main() {
  const builtFrom = fingerprint(root);
  rmSync(output, { recursive: true, force: true });
  compileForNode();
  await bundlePages();
  copyStaticFiles();
  writeFileSync(join(output, STAMP), builtFrom);
  replaceDist();
}

function compileForNode() {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const args = [tsc, '--project', 'tsconfig.build.json', '--outDir', output, '--noEmitOnError'];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

async function bundlePages() {
  const entryPoints = PAGES.map((page) => join(source, page)).filter((page) => existsSync(page));
  await build({
    absWorkingDir: root,
    entryPoints,
    outdir: join(output, 'web'),
    bundle: true,
    minify: true,
    sourcemap: true,
    format: 'esm',
    platform: 'browser',
    target: ['es2022'],
    legalComments: 'linked',
    logLevel: 'warning',
  });
}

function copyStaticFiles() {
  if (!existsSync(source)) return;
  mkdirSync(join(output, 'web'), { recursive: true });
  for (const name of readdirSync(source)) {
    if (STATIC.has(extname(name))) cpSync(join(source, name), join(output, 'web', name));
  }
}

function replaceDist() {
  const dist = join(root, 'dist');
  const before = join(root, '.build-before');
  rmSync(before, { recursive: true, force: true });
  if (existsSync(dist)) renameSync(dist, before);
  renameSync(output, dist);
  rmSync(before, { recursive: true, force: true });
}

// esbuild has printed what it found; its exception says no more.
main().catch((error) => {
  if (!Array.isArray(error.errors)) throw error;
  process.exitCode = 1;
});
