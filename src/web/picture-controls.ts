/** The buttons over the picture: sound and full screen; M and F do the same. */
export function wireControls(video: HTMLVideoElement, stage: HTMLElement): void {
  const mute = stage.querySelector('#mute');
  const unmute = stage.querySelector('#unmute');
  const fullscreen = stage.querySelector('#fullscreen');
  if (!(mute instanceof HTMLElement) || !(unmute instanceof HTMLElement) || !(fullscreen instanceof HTMLElement)) return;

  const toggleMuted = () => {
    video.muted = !video.muted;
  };
  const toggleFullscreen = () => {
    void (document.fullscreenElement === null ? stage.requestFullscreen() : document.exitFullscreen());
  };
  const showMuted = () => {
    mute.setAttribute('aria-pressed', String(video.muted));
    unmute.hidden = !video.muted;
  };

  mute.addEventListener('click', toggleMuted);
  unmute.addEventListener('click', toggleMuted);
  fullscreen.addEventListener('click', toggleFullscreen);
  fullscreen.hidden = !document.fullscreenEnabled;
  video.addEventListener('volumechange', showMuted);
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'm') toggleMuted();
    if (event.key === 'f' && document.fullscreenEnabled) toggleFullscreen();
  });
  showMuted();
}
