import { describe, test } from '@jest/globals';
import { type Browser, chromium } from 'playwright-core';
import { chromium as executablePath } from '../e2e/programs.ts';

/** As root, without a graphics card, and with nothing of its own to say to the network. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const describeInChromium = executablePath === undefined ? describe.skip : describe;
export const testInChromium = executablePath === undefined ? test.skip : test;

/** The system's Chromium, headless. `also`: further arguments. */
export const launchChromium = (...also: string[]): Promise<Browser> =>
  chromium.launch({ executablePath: executablePath ?? '', args: [...ARGUMENTS, ...also] });
