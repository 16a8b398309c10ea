/* Viewers' media sockets, drained as cheaply as a client can: what comes is counted, and never copied (MSG_TRUNC, tcp(7)).
 * Each line of standard input is an order:
 *   read PORT TARGET    opens a WebSocket of this host, and discards what comes
 *   hold PORT TARGET    opens one, and reads nothing
 *   ?                   answers on standard output with a line of JSON: {"open":…,"closed":…,"bytes":…}
 * Ends with its standard input. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 60000, MOST_EVENTS = 512 };

struct viewer {
  int fd, holds;
  char *request; /* until it is sent */
};

static struct viewer viewers[MOST];
static int count, open_now, closed;
static long long bytes;
static int poller;

static void watch(int operation, int index, unsigned events) {
  struct epoll_event event = {.events = events, .data.u32 = (unsigned)index};
  epoll_ctl(poller, operation, viewers[index].fd, &event);
}

static void lose(int index) {
  close(viewers[index].fd);
  viewers[index].fd = -1;
  open_now--;
  closed++;
}

static int begin(int holds, int port, const char *target) {
  if (count == MOST) return -1;
  struct viewer *viewer = &viewers[count];
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  viewer->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  viewer->holds = holds;
  int room = 1 << 20;
  if (!holds) setsockopt(viewer->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  if (asprintf(&viewer->request,
               "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: tollcast.media.v1\r\n\r\n",
               target, port) < 0)
    return -1;
  if (connect(viewer->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) return -1;
  open_now++;
  watch(EPOLL_CTL_ADD, count++, EPOLLOUT);
  return 0;
}

static int order(char *line) {
  int port;
  char kind[8], target[1024];
  if (line[0] == '?') {
    printf("{\"open\":%d,\"closed\":%d,\"bytes\":%lld}\n", open_now, closed, bytes);
    fflush(stdout);
    return 0;
  }
  if (sscanf(line, "%7s %d %1023s", kind, &port, target) != 3) return -1;
  return begin(!strcmp(kind, "hold"), port, target);
}

/* @returns 0 at the end of standard input */
static int orders(void) {
  static char text[1 << 16];
  static size_t filled;
  for (;;) {
    ssize_t got = read(0, text + filled, sizeof text - filled);
    if (got < 0) return errno == EAGAIN;
    if (got == 0) return 0;
    filled += (size_t)got;
    size_t from = 0;
    for (size_t at = 0; at < filled; at++) {
      if (text[at] != '\n') continue;
      text[at] = 0;
      if (order(text + from) < 0) fprintf(stderr, "drain: cannot do: %s\n", text + from);
      from = at + 1;
    }
    memmove(text, text + from, filled - from);
    filled -= from;
  }
}

int main(void) {
  static char scratch[1 << 20];
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  poller = epoll_create1(0);
  fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
  struct epoll_event input = {.events = EPOLLIN, .data.u32 = MOST}, events[MOST_EVENTS];
  epoll_ctl(poller, EPOLL_CTL_ADD, 0, &input);
  for (;;) {
    int ready = epoll_wait(poller, events, MOST_EVENTS, -1);
    for (int each = 0; each < ready; each++) {
      int index = (int)events[each].data.u32;
      if (index == MOST) {
        if (!orders()) return 0;
        continue;
      }
      struct viewer *viewer = &viewers[index];
      if (viewer->request != NULL) {
        ssize_t sent = send(viewer->fd, viewer->request, strlen(viewer->request), MSG_NOSIGNAL);
        free(viewer->request);
        viewer->request = NULL;
        if (sent < 0) lose(index);
        else watch(EPOLL_CTL_MOD, index, viewer->holds ? 0 : EPOLLIN);
        continue;
      }
      ssize_t got = viewer->holds ? 0 : recv(viewer->fd, scratch, sizeof scratch, MSG_TRUNC);
      if (got > 0) bytes += got;
      else if (got == 0 || errno != EAGAIN) lose(index);
    }
  }
}
