import { describe, expect, test } from '@jest/globals';
import { isLiveApp, publishTarget } from '../../src/ingest/publish-target.ts';

const target = (app: string, streamName: string, tcUrl = `rtmp://host/${app}`) => publishTarget({ app, tcUrl }, streamName);
const news = { program: 'news', streamKey: 'k-_9' };

describe('The program and stream key are found', () => {
  test.each([
    ['as OBS and ffmpeg send them', 'live', 'news?key=k-_9'],
    ['with a slash at either end', 'live/', '/news/?key=k-_9'],
    ['among other parameters', 'live', 'news?a=1&key=k-_9&b=2'],
    ['percent-encoded', 'live', 'news%3Fkey%3Dk-_9'],
    ['with the whole path as the stream name', 'live', 'live/news?key=k-_9'],
    ['with the program in the app', 'live/news', '?key=k-_9'],
    ['with the query in the app', 'live?key=k-_9', 'news'],
    ['with the first of two keys', 'live', 'news?key=k-_9&key=other'],
  ])('%s', (_, app, streamName) => {
    expect(isLiveApp({ app, tcUrl: '' })).toBe(true);
    expect(target(app, streamName)).toEqual(news);
  });

  test('with the query in tcUrl', () => {
    expect(target('live', 'news', 'rtmp://host/live?key=k-_9')).toEqual(news);
  });
});

test('A stream name without a key has an empty one', () => {
  expect(target('live', 'news')).toEqual({ program: 'news', streamKey: '' });
  expect(target('live', 'news?kay=1')).toEqual({ program: 'news', streamKey: '' });
});

test.each(['', '?key=k', 'a/b?key=k', '/'])('No single program is named by "%s"', (streamName) => {
  expect(target('live', streamName)).toBeUndefined();
});

test('Percent signs that encode nothing are left as they are', () => {
  expect(target('live', 'news%zz?key=%zz')).toEqual({ program: 'news%zz', streamKey: '%zz' });
});

test.each(['vod', '', 'lively', 'x/live'])('The app "%s" is not live', (app) => {
  expect(isLiveApp({ app, tcUrl: '' })).toBe(false);
});
