import { expect, test } from '@jest/globals';
import { isBaseUrl, reachableUrl } from '../src/base-url.ts';

test('an address that viewers put a path behind has no query, no fragment and no credentials', () => {
  const good = ['https://edge1.example', 'http://127.0.0.1:8081', 'https://video.example/media/'];
  const bad = ['edge1.example', 'wss://edge1.example', 'https://a:b@edge1.example', 'https://edge1.example/?a', 'https://x/#y'];
  expect(good.filter(isBaseUrl)).toEqual(good);
  expect(bad.filter(isBaseUrl)).toEqual([]);
});

test('viewers are sent to what a setting says, or else to where there is a listener, which every address is none of', () => {
  expect(reachableUrl('viewers.mediaUrl', 'https://media.example/', 'http://0.0.0.0:8081')).toBe('https://media.example');
  expect(reachableUrl('viewers.mediaUrl', undefined, 'http://10.0.0.7:8081')).toBe('http://10.0.0.7:8081');
  for (const everywhere of ['http://0.0.0.0:8081', 'https://[::]:8081'])
    expect(() => reachableUrl('viewers.mediaUrl', undefined, everywhere)).toThrow('viewers.mediaUrl is missing');
});
