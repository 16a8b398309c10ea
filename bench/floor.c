/* The floor of a fan-out: writes the same bytes to every socket at a fixed interval, and does nothing else. Tells its port on
 * standard output first.    usage: floor INTERVAL_MS BYTES */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 60000 };

static int sockets[MOST];

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  long interval_ns = atol(argv[1]) * 1000000;
  size_t size = (size_t)atol(argv[2]);
  char *payload = calloc(1, size);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  int on = 1, count = 0, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof at;
  if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096) || getsockname(listener, (struct sockaddr *)&at, &length)) {
    perror("floor");
    return 1;
  }
  printf("%d\n", ntohs(at.sin_port));
  fflush(stdout);
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (;;) {
    next.tv_nsec += interval_ns;
    while (next.tv_nsec >= 1000000000) {
      next.tv_nsec -= 1000000000;
      next.tv_sec++;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    int accepted;
    while (count < MOST && (accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
      setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      sockets[count++] = accepted;
    }
    for (int each = 0; each < count; each++)
      if (send(sockets[each], payload, size, MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
        close(sockets[each]);
        sockets[each--] = sockets[--count];
      }
  }
}
