/* lwIP's raw interface as somebody else's TCP: an echo server, or a client of one, on a TAP interface that is there.
 *
 *   echo serve NAME ADDRESS PORT MODE
 *   echo connect NAME ADDRESS PORT MODE PEER BYTES
 *
 * MODE: `plain`; `refuse`: two of three times data is refused when it is offered, so that lwIP has to offer it again;
 * `hold`: for four seconds data is taken and not credited, so that the window closes.
 */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "lwip/etharp.h"
#include "lwip/netif.h"
#include "lwip/sys.h"
#include "lwip/tcp.h"
#include "lwip/tcpip.h"

static struct netif netif;
static int tap;
static char **words;
static int refuses, holds, is_client;
static u32_t to_send, sent, received, wrong, refused, held_until;

/* One connection. */
struct peer {
  struct tcp_pcb *pcb;
  struct pbuf *queue;
  int ended;
};

static u8_t byte_at(u32_t at) { return (u8_t)((at * 2654435761u) >> 13); }

static void over(struct peer *peer) {
  printf("over: received %u, refused %u times, wrong %u\n", received, refused, wrong);
  fflush(stdout);
  received = refused = wrong = held_until = 0;
  tcp_arg(peer->pcb, NULL);
  tcp_recv(peer->pcb, NULL);
  tcp_sent(peer->pcb, NULL);
  tcp_poll(peer->pcb, NULL, 0);
  tcp_err(peer->pcb, NULL);
  tcp_close(peer->pcb);
  free(peer);
}

/* Sends back what is queued and credits it; or sends more of the pattern. */
static void move(struct peer *peer) {
  struct tcp_pcb *pcb = peer->pcb;
  static u8_t block[1024];
  if (holds && held_until && sys_now() < held_until) return;
  while (!is_client && peer->queue && tcp_sndbuf(pcb) > 0) {
    u16_t len = LWIP_MIN(peer->queue->len, tcp_sndbuf(pcb));
    if (tcp_write(pcb, peer->queue->payload, len, TCP_WRITE_FLAG_COPY) != ERR_OK) break;
    peer->queue = pbuf_free_header(peer->queue, len);
    tcp_recved(pcb, len);
  }
  while (is_client && peer->queue) {
    u16_t len = peer->queue->len, at;
    for (at = 0; at < len; at++)
      wrong += ((u8_t *)peer->queue->payload)[at] != byte_at(received - peer->queue->tot_len + at);
    peer->queue = pbuf_free_header(peer->queue, len);
    tcp_recved(pcb, len);
  }
  while (is_client && sent < to_send && tcp_sndbuf(pcb) > 0) {
    u32_t len = LWIP_MIN(LWIP_MIN(sizeof block, tcp_sndbuf(pcb)), to_send - sent), at;
    for (at = 0; at < len; at++) block[at] = byte_at(sent + at);
    if (tcp_write(pcb, block, (u16_t)len, TCP_WRITE_FLAG_COPY) != ERR_OK) break;
    sent += len;
  }
  tcp_output(pcb);
  if (peer->queue == NULL && (is_client ? received == to_send : peer->ended)) over(peer);
}

static err_t on_data(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
  struct peer *peer = arg;
  static u32_t offers;
  (void)pcb;
  (void)err;
  if (p == NULL) {
    peer->ended = 1;
    move(peer);
    return ERR_OK;
  }
  if (refuses && ++offers % 3 != 0) {
    refused++;
    return ERR_MEM;
  }
  if (holds && held_until == 0) held_until = sys_now() + 4000;
  received += p->tot_len;
  if (peer->queue) pbuf_cat(peer->queue, p);
  else peer->queue = p;
  move(peer);
  return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len) {
  (void)pcb;
  (void)len;
  move(arg);
  return ERR_OK;
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb) {
  (void)pcb;
  if (arg) move(arg);
  return ERR_OK;
}

static void on_error(void *arg, err_t err) {
  printf("failed: %d after %u\n", err, received);
  fflush(stdout);
  free(arg);
}

static err_t on_open(void *arg, struct tcp_pcb *pcb, err_t err) {
  struct peer *peer = calloc(1, sizeof *peer);
  (void)arg;
  (void)err;
  peer->pcb = pcb;
  tcp_arg(pcb, peer);
  tcp_recv(pcb, on_data);
  tcp_sent(pcb, on_sent);
  tcp_poll(pcb, on_poll, 1);
  tcp_err(pcb, on_error);
  printf("open\n");
  fflush(stdout);
  if (is_client) move(peer);
  return ERR_OK;
}

/* Frames: the driver that comes with Debian's library writes beyond its buffers when they are longer than 592 bytes. */
static err_t send_frame(struct netif *to, struct pbuf *p) {
  static u8_t frame[2048];
  u16_t len = pbuf_copy_partial(p, frame, sizeof frame, 0);
  (void)to;
  return write(tap, frame, len) == len ? ERR_OK : ERR_IF;
}

static void take_frames(void *arg) {
  static u8_t frame[2048];
  for (;;) {
    ssize_t len = read(tap, frame, sizeof frame);
    struct pbuf *p = len > 0 ? pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM) : NULL;
    if (p == NULL) continue;
    pbuf_take(p, frame, (u16_t)len);
    if (netif.input(p, arg) != ERR_OK) pbuf_free(p);
  }
}

static err_t open_tap(struct netif *at) {
  static const u8_t station[6] = {2, 0, 0, 0, 0, 0x77};
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strncpy(request.ifr_name, words[2], IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  tap = open("/dev/net/tun", O_RDWR);
  if (tap < 0 || ioctl(tap, TUNSETIFF, &request) < 0) return ERR_IF;
  at->name[0] = 't';
  at->name[1] = 'p';
  at->output = etharp_output;
  at->linkoutput = send_frame;
  at->mtu = 1500;
  memcpy(at->hwaddr, station, sizeof station);
  at->hwaddr_len = sizeof station;
  at->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP;
  sys_thread_new("frames", take_frames, at, 0, 0);
  return ERR_OK;
}

static void start(void *arg) {
  ip4_addr_t address, mask, gateway;
  ip_addr_t peer;
  struct tcp_pcb *pcb;
  (void)arg;
  ip4addr_aton(words[3], &address);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  ip4_addr_set_zero(&gateway);
  netif_add(&netif, &address, &mask, &gateway, NULL, open_tap, tcpip_input);
  netif_set_default(&netif);
  netif_set_up(&netif);
  netif_set_link_up(&netif);
  pcb = tcp_new();
  if (is_client) {
    ipaddr_aton(words[6], &peer);
    to_send = (u32_t)atol(words[7]);
    tcp_err(pcb, on_error);
    tcp_connect(pcb, &peer, (u16_t)atoi(words[4]), on_open);
  } else {
    tcp_bind(pcb, IP4_ADDR_ANY, (u16_t)atoi(words[4]));
    tcp_accept(tcp_listen(pcb), on_open);
  }
  printf("ready\n");
  fflush(stdout);
}

int main(int count, char **args) {
  if (count < 6) return 2;
  words = args;
  is_client = strcmp(args[1], "connect") == 0;
  refuses = strcmp(args[5], "refuse") == 0;
  holds = strcmp(args[5], "hold") == 0;
  tcpip_init(start, NULL);
  for (;;) pause();
}
