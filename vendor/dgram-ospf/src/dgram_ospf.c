/*
 * Raw IPv4 sockets for OSPF (protocol 89) on Node's event loop.
 *
 * Duty: one non-blocking socket per interface; batches of packets are received into a slab that JavaScript owns, and
 * JavaScript is called once per batch. Inputs: an interface index, a slab (Buffer) and a table (Uint32Array), both made
 * by index.js. Outputs: per packet, eight words in the table (see enum column) and the bytes in the slab.
 *
 * What it does not do: it knows nothing of OSPF, queues nothing on sending, and makes no Error objects; a system call
 * that fails is returned as { errno, syscall } and index.js builds the error.
 *
 * There is no static state, so the module can be loaded by any number of worker threads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <node_api.h>
#include <uv.h>

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62 /* Linux 5.1; missing from older libc headers */
#endif

#define OSPF_PROTOCOL 89
#define SLOT_BYTES 65536 /* the largest IPv4 packet is 65,535 bytes: nothing is ever truncated */
#define MAX_BATCH 64
#define MAX_ROUNDS 4 /* batches per loop turn, so that a flood cannot starve timers */

enum column { OFFSET, LENGTH, SOURCE, DESTINATION, IFINDEX, TTL, TOS, TRUNCATED, COLUMNS };

struct ospf_socket {
  napi_env env;
  uv_poll_t poll;
  int fd;
  uint32_t ifindex;
  uint32_t dropped;
  /* The two owners of this memory: the uv handle and the JavaScript object. Freed by whichever lets go last. */
  bool uv_alive;
  bool js_alive;
  napi_ref self, slab, table, on_batch;
  napi_async_context async_context;
  napi_async_cleanup_hook_handle cleanup_hook;
};

union control {
  struct cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(uint32_t))];
};

#define CHECK(env, call)                                                                  \
  do {                                                                                    \
    if ((call) != napi_ok) {                                                              \
      bool pending = false;                                                               \
      napi_is_exception_pending((env), &pending);                                         \
      if (!pending) napi_throw_error((env), "ERR_DGRAM_OSPF_INTERNAL", "failed: " #call); \
      return NULL;                                                                        \
    }                                                                                     \
  } while (0)

/* ---- results ------------------------------------------------------------------------------------------------- */

static napi_value failure(napi_env env, int error, const char* syscall) {
  napi_value object, number, text;
  CHECK(env, napi_create_object(env, &object));
  CHECK(env, napi_create_int32(env, -error, &number));
  CHECK(env, napi_create_string_utf8(env, syscall, NAPI_AUTO_LENGTH, &text));
  CHECK(env, napi_set_named_property(env, object, "errno", number));
  CHECK(env, napi_set_named_property(env, object, "syscall", text));
  return object;
}

static napi_value arguments(napi_env env, napi_callback_info info, size_t count, napi_value* args,
                            struct ospf_socket** socket) {
  size_t given = count;
  napi_value self;
  CHECK(env, napi_get_cb_info(env, info, &given, args, &self, NULL));
  CHECK(env, napi_unwrap(env, self, (void**)socket));
  return self;
}

/* ---- receiving ----------------------------------------------------------------------------------------------- */

static void read_control(struct ospf_socket* s, struct msghdr* header, uint32_t* row) {
  row[IFINDEX] = s->ifindex;
  for (struct cmsghdr* c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(c), sizeof info);
      row[IFINDEX] = (uint32_t)info.ipi_ifindex;
    } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
      memcpy(&s->dropped, CMSG_DATA(c), sizeof s->dropped);
    }
  }
}

/*
 * One received datagram to one row. The kernel hands raw sockets the IP header (already validated, packet already
 * reassembled), so addresses, TTL and TOS are read from it and only the interface needs a control message.
 */
static bool describe(struct ospf_socket* s, const uint8_t* slot, uint32_t slot_offset, struct mmsghdr* message,
                     uint32_t* row) {
  struct iphdr ip;
  if (message->msg_len < sizeof ip) return false;
  memcpy(&ip, slot, sizeof ip);
  uint32_t header_bytes = ip.ihl * 4u;
  if (header_bytes < sizeof ip || header_bytes > message->msg_len) return false;
  row[OFFSET] = slot_offset + header_bytes;
  row[LENGTH] = message->msg_len - header_bytes;
  row[SOURCE] = ntohl(ip.saddr);
  row[DESTINATION] = ntohl(ip.daddr);
  row[TTL] = ip.ttl;
  row[TOS] = ip.tos;
  row[TRUNCATED] = (message->msg_hdr.msg_flags & MSG_TRUNC) != 0;
  read_control(s, &message->msg_hdr, row);
  return true;
}

/*
 * Receives up to one batch. Returns the number of datagrams taken from the kernel, or -errno; *rows is how many of
 * them were described. The slab is looked up anew for every batch: whoever detached its memory (ArrayBuffer.transfer)
 * gets an error here instead of the kernel writing to freed memory.
 */
static int receive_batch(struct ospf_socket* s, uint32_t* rows) {
  napi_value slab_value, table_value;
  uint8_t* slab = NULL;
  uint32_t* table = NULL;
  size_t slab_bytes = 0, table_words = 0;
  *rows = 0;
  if (napi_get_reference_value(s->env, s->slab, &slab_value) != napi_ok ||
      napi_get_reference_value(s->env, s->table, &table_value) != napi_ok ||
      napi_get_buffer_info(s->env, slab_value, (void**)&slab, &slab_bytes) != napi_ok ||
      napi_get_typedarray_info(s->env, table_value, NULL, &table_words, (void**)&table, NULL, NULL) != napi_ok) {
    return -EFAULT;
  }
  size_t batch = slab_bytes / SLOT_BYTES;
  if (batch > table_words / COLUMNS) batch = table_words / COLUMNS;
  if (batch > MAX_BATCH) batch = MAX_BATCH;
  if (batch == 0 || slab == NULL || table == NULL) return -EFAULT;

  struct mmsghdr messages[MAX_BATCH];
  struct iovec vectors[MAX_BATCH];
  union control controls[MAX_BATCH];
  memset(messages, 0, batch * sizeof messages[0]);
  for (size_t i = 0; i < batch; i++) {
    vectors[i].iov_base = slab + i * SLOT_BYTES;
    vectors[i].iov_len = SLOT_BYTES;
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_control = &controls[i];
    messages[i].msg_hdr.msg_controllen = sizeof controls[i];
  }
  int taken;
  do {
    taken = recvmmsg(s->fd, messages, (unsigned int)batch, 0, NULL);
  } while (taken < 0 && errno == EINTR);
  if (taken < 0) return -errno;
  for (int i = 0; i < taken; i++) {
    uint32_t offset = (uint32_t)i * SLOT_BYTES;
    if (describe(s, slab + offset, offset, &messages[i], table + *rows * COLUMNS)) (*rows)++;
  }
  return taken;
}

/* Calls onBatch(rows, errno, syscall). An exception that escapes it is as uncaught as in any other event handler. */
static void deliver(struct ospf_socket* s, uint32_t rows, int error) {
  napi_env env = s->env;
  napi_value self, on_batch, args[2];
  if (napi_get_reference_value(env, s->self, &self) != napi_ok || self == NULL ||
      napi_get_reference_value(env, s->on_batch, &on_batch) != napi_ok ||
      napi_create_uint32(env, rows, &args[0]) != napi_ok || napi_create_int32(env, error, &args[1]) != napi_ok) {
    return;
  }
  if (napi_make_callback(env, s->async_context, self, on_batch, 2, args, NULL) != napi_pending_exception) return;
  napi_value exception;
  if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
}

/*
 * libuv stops polling and reports UV_EBADF whenever the socket has an error pending (`ss -K`, for one). The receive call
 * below fetches and clears that error, and unless the descriptor itself is bad, polling goes on.
 */
static void on_poll(uv_poll_t* poll, int status, int events) {
  struct ospf_socket* s = poll->data;
  int taken = 1;
  (void)events;
  for (int round = 0; round < MAX_ROUNDS && taken > 0 && s->fd >= 0; round++) {
    napi_handle_scope scope;
    if (napi_open_handle_scope(s->env, &scope) != napi_ok) return;
    uint32_t rows = 0;
    taken = receive_batch(s, &rows);
    if (taken < 0 && taken != -EAGAIN) deliver(s, 0, taken);
    if (rows > 0) deliver(s, rows, 0);
    napi_close_handle_scope(s->env, scope);
  }
  if (status < 0 && s->fd >= 0 && taken != -EBADF) uv_poll_start(poll, UV_READABLE, on_poll);
}

/* ---- life and death ------------------------------------------------------------------------------------------- */

static void release(struct ospf_socket* s) {
  if (!s->uv_alive && !s->js_alive) free(s);
}

static void drop_reference(napi_env env, napi_ref* reference) {
  if (*reference != NULL) napi_delete_reference(env, *reference);
  *reference = NULL;
}

/*
 * References and the async context live until libuv has let go of the handle: close() may be called from inside
 * onBatch, that is while napi_make_callback still uses them.
 */
static void on_closed(uv_handle_t* handle) {
  struct ospf_socket* s = handle->data;
  napi_env env = s->env;
  napi_handle_scope scope;
  bool scoped = napi_open_handle_scope(env, &scope) == napi_ok;
  if (s->async_context != NULL) napi_async_destroy(env, s->async_context);
  s->async_context = NULL;
  drop_reference(env, &s->slab);
  drop_reference(env, &s->table);
  drop_reference(env, &s->on_batch);
  drop_reference(env, &s->self);
  if (scoped) napi_close_handle_scope(env, scope);
  napi_async_cleanup_hook_handle hook = s->cleanup_hook;
  s->uv_alive = false;
  release(s);
  if (hook != NULL) napi_remove_async_cleanup_hook(hook);
}

static void close_socket(struct ospf_socket* s) {
  if (s->fd < 0) return;
  uv_poll_stop(&s->poll);
  close(s->fd);
  s->fd = -1;
  uv_close((uv_handle_t*)&s->poll, on_closed);
}

/* The environment goes (process exit, worker terminated): Node waits until on_closed removes the hook. */
static void on_cleanup(napi_async_cleanup_hook_handle hook, void* data) {
  struct ospf_socket* s = data;
  s->cleanup_hook = hook;
  close_socket(s);
}

static void on_finalize(napi_env env, void* data, void* hint) {
  (void)env;
  (void)hint;
  struct ospf_socket* s = data;
  s->js_alive = false;
  release(s);
}

/* new Handle(): allocates; open() gives it a socket. */
static napi_value construct(napi_env env, napi_callback_info info) {
  napi_value self;
  CHECK(env, napi_get_cb_info(env, info, NULL, NULL, &self, NULL));
  struct ospf_socket* s = calloc(1, sizeof *s);
  if (s == NULL) return failure(env, ENOMEM, "malloc");
  s->env = env;
  s->fd = -1;
  s->js_alive = true;
  if (napi_wrap(env, self, s, on_finalize, NULL, NULL) != napi_ok) {
    free(s);
    napi_throw_error(env, "ERR_DGRAM_OSPF_INTERNAL", "failed: napi_wrap");
    return NULL;
  }
  return self;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static int set_int(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : errno;
}

/* With CAP_NET_ADMIN beyond net.core.[rw]mem_max, without it up to that. */
static int set_buffer(int fd, int forced, int plain, int bytes) {
  if (bytes <= 0) return 0;
  if (set_int(fd, SOL_SOCKET, forced, bytes) == 0) return 0;
  return set_int(fd, SOL_SOCKET, plain, bytes);
}

/* 7 is TC_PRIO_CONTROL and needs CAP_NET_ADMIN; 6 is the highest without. */
static int set_priority(int fd) {
  int error = set_int(fd, SOL_SOCKET, SO_PRIORITY, 7);
  return error == EPERM ? set_int(fd, SOL_SOCKET, SO_PRIORITY, 6) : error;
}

/* SO_BINDTOIFINDEX takes any number; this is the first call that looks, and it says EADDRNOTAVAIL for "no such device". */
static int set_multicast_interface(int fd, int ifindex) {
  struct ip_mreqn outgoing = {.imr_ifindex = ifindex};
  if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &outgoing, sizeof outgoing) == 0) return 0;
  return errno == EADDRNOTAVAIL ? ENODEV : errno;
}

struct step {
  const char* name;
  int error;
};

#define STEP(name, expression)                                                    \
  do {                                                                            \
    int step_error = (expression);                                                \
    if (step_error != 0) return (struct step){"setsockopt " name, step_error};    \
  } while (0)

static struct step configure(int fd, int ifindex, int receive_bytes, int send_bytes) {
  STEP("SO_BINDTOIFINDEX", set_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, ifindex));
  STEP("IP_MULTICAST_IF", set_multicast_interface(fd, ifindex));
  /* RFC 2328 A.1: TTL 1, precedence Internetwork Control. IP_TOS also sets the priority, so it comes first. */
  STEP("IP_TOS", set_int(fd, IPPROTO_IP, IP_TOS, 0xc0));
  STEP("SO_PRIORITY", set_priority(fd));
  STEP("IP_TTL", set_int(fd, IPPROTO_IP, IP_TTL, 1));
  STEP("IP_MULTICAST_TTL", set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, 1));
  STEP("IP_MULTICAST_LOOP", set_int(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0));
  /* Without this a socket hears groups that other processes joined on any interface. */
  STEP("IP_MULTICAST_ALL", set_int(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0));
  /* Never DF: a packet larger than the MTU is fragmented here, whatever path MTU somebody has learned. */
  STEP("IP_MTU_DISCOVER", set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT));
  STEP("IP_PKTINFO", set_int(fd, IPPROTO_IP, IP_PKTINFO, 1));
  STEP("SO_RXQ_OVFL", set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1));
  STEP("SO_RCVBUF", set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, receive_bytes));
  STEP("SO_SNDBUF", set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, send_bytes));
  return (struct step){NULL, 0};
}

static napi_value keep_references(napi_env env, struct ospf_socket* s, napi_value self, const napi_value* args) {
  napi_value name;
  CHECK(env, napi_create_string_utf8(env, "DGRAM_OSPF", NAPI_AUTO_LENGTH, &name));
  CHECK(env, napi_async_init(env, self, name, &s->async_context));
  CHECK(env, napi_create_reference(env, self, 1, &s->self));
  CHECK(env, napi_create_reference(env, args[3], 1, &s->slab));
  CHECK(env, napi_create_reference(env, args[4], 1, &s->table));
  CHECK(env, napi_create_reference(env, args[5], 1, &s->on_batch));
  return self;
}

/* open(ifindex, receiveBytes, sendBytes, slab, table, onBatch): undefined or { errno, syscall }. */
static napi_value open_socket(napi_env env, napi_callback_info info) {
  napi_value args[6];
  struct ospf_socket* s;
  napi_value self = arguments(env, info, 6, args, &s);
  int32_t ifindex, receive_bytes, send_bytes;
  uv_loop_t* loop;
  if (self == NULL) return NULL;
  if (s->fd >= 0 || s->uv_alive) return failure(env, EALREADY, "socket");
  CHECK(env, napi_get_value_int32(env, args[0], &ifindex));
  CHECK(env, napi_get_value_int32(env, args[1], &receive_bytes));
  CHECK(env, napi_get_value_int32(env, args[2], &send_bytes));
  CHECK(env, napi_get_uv_event_loop(env, &loop));

  int fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, OSPF_PROTOCOL);
  if (fd < 0) return failure(env, errno, "socket");
  struct step failed = configure(fd, ifindex, receive_bytes, send_bytes);
  if (failed.error == 0) {
    int status = uv_poll_init(loop, &s->poll, fd);
    if (status < 0) failed = (struct step){"uv_poll_init", -status};
  }
  if (failed.error != 0) {
    close(fd);
    return failure(env, failed.error, failed.name);
  }
  s->fd = fd;
  s->ifindex = (uint32_t)ifindex;
  s->poll.data = s;
  s->uv_alive = true;
  napi_add_async_cleanup_hook(env, on_cleanup, s, &s->cleanup_hook);
  if (keep_references(env, s, self, args) == NULL) {
    close_socket(s);
    return NULL;
  }
  int status = uv_poll_start(&s->poll, UV_READABLE, on_poll);
  if (status == 0) return NULL;
  close_socket(s);
  return failure(env, -status, "uv_poll_start");
}

/* ---- methods --------------------------------------------------------------------------------------------------- */

static napi_value close_method(napi_env env, napi_callback_info info) {
  struct ospf_socket* s;
  if (arguments(env, info, 0, NULL, &s) != NULL) close_socket(s);
  return NULL;
}

/* send(bytes, destination, source): number of bytes sent, or -errno. `source` 0 lets the kernel choose. */
static napi_value send_method(napi_env env, napi_callback_info info) {
  napi_value args[3], result;
  struct ospf_socket* s;
  void* data;
  size_t length;
  uint32_t destination, source;
  if (arguments(env, info, 3, args, &s) == NULL) return NULL;
  CHECK(env, napi_get_typedarray_info(env, args[0], NULL, &length, &data, NULL, NULL));
  CHECK(env, napi_get_value_uint32(env, args[1], &destination));
  CHECK(env, napi_get_value_uint32(env, args[2], &source));

  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(destination)};
  struct in_pktinfo from = {.ipi_ifindex = (int)s->ifindex, .ipi_spec_dst.s_addr = htonl(source)};
  struct iovec vector = {.iov_base = data, .iov_len = length};
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof from)];
  } control;
  memset(&control, 0, sizeof control);
  control.header.cmsg_level = IPPROTO_IP;
  control.header.cmsg_type = IP_PKTINFO;
  control.header.cmsg_len = CMSG_LEN(sizeof from);
  memcpy(CMSG_DATA(&control.header), &from, sizeof from);
  struct msghdr message = {
      .msg_name = &to,
      .msg_namelen = sizeof to,
      .msg_iov = &vector,
      .msg_iovlen = 1,
      .msg_control = &control,
      .msg_controllen = sizeof control,
  };
  ssize_t sent;
  do {
    sent = s->fd < 0 ? (errno = EBADF, -1) : sendmsg(s->fd, &message, 0);
  } while (sent < 0 && errno == EINTR);
  CHECK(env, napi_create_int32(env, sent < 0 ? -errno : (int32_t)sent, &result));
  return result;
}

/* membership(group, join): undefined or { errno, syscall }. */
static napi_value membership_method(napi_env env, napi_callback_info info) {
  napi_value args[2];
  struct ospf_socket* s;
  uint32_t group;
  bool join;
  if (arguments(env, info, 2, args, &s) == NULL) return NULL;
  CHECK(env, napi_get_value_uint32(env, args[0], &group));
  CHECK(env, napi_get_value_bool(env, args[1], &join));
  struct ip_mreqn request = {.imr_multiaddr.s_addr = htonl(group), .imr_ifindex = (int)s->ifindex};
  int option = join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP;
  if (setsockopt(s->fd, IPPROTO_IP, option, &request, sizeof request) == 0) return NULL;
  return failure(env, errno, join ? "setsockopt IP_ADD_MEMBERSHIP" : "setsockopt IP_DROP_MEMBERSHIP");
}

/* receiveBufferSize(): bytes as the kernel counts them, or -errno. */
static napi_value receive_buffer_size_method(napi_env env, napi_callback_info info) {
  struct ospf_socket* s;
  napi_value result;
  int bytes = 0;
  socklen_t size = sizeof bytes;
  if (arguments(env, info, 0, NULL, &s) == NULL) return NULL;
  if (getsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &bytes, &size) != 0) bytes = -errno;
  CHECK(env, napi_create_int32(env, bytes, &result));
  return result;
}

/* dropped(): packets the kernel threw away because the receive buffer was full, as of the last packet received. */
static napi_value dropped_method(napi_env env, napi_callback_info info) {
  struct ospf_socket* s;
  napi_value result;
  if (arguments(env, info, 0, NULL, &s) == NULL) return NULL;
  CHECK(env, napi_create_uint32(env, s->dropped, &result));
  return result;
}

static napi_value ref_method(napi_env env, napi_callback_info info) {
  struct ospf_socket* s;
  if (arguments(env, info, 0, NULL, &s) != NULL && s->fd >= 0) uv_ref((uv_handle_t*)&s->poll);
  return NULL;
}

static napi_value unref_method(napi_env env, napi_callback_info info) {
  struct ospf_socket* s;
  if (arguments(env, info, 0, NULL, &s) != NULL && s->fd >= 0) uv_unref((uv_handle_t*)&s->poll);
  return NULL;
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor methods[] = {
      {"open", NULL, open_socket, NULL, NULL, NULL, napi_default_method, NULL},
      {"close", NULL, close_method, NULL, NULL, NULL, napi_default_method, NULL},
      {"send", NULL, send_method, NULL, NULL, NULL, napi_default_method, NULL},
      {"membership", NULL, membership_method, NULL, NULL, NULL, napi_default_method, NULL},
      {"receiveBufferSize", NULL, receive_buffer_size_method, NULL, NULL, NULL, napi_default_method, NULL},
      {"dropped", NULL, dropped_method, NULL, NULL, NULL, napi_default_method, NULL},
      {"ref", NULL, ref_method, NULL, NULL, NULL, napi_default_method, NULL},
      {"unref", NULL, unref_method, NULL, NULL, NULL, napi_default_method, NULL},
  };
  napi_value handle;
  CHECK(env, napi_define_class(env, "Handle", NAPI_AUTO_LENGTH, construct, NULL, sizeof methods / sizeof methods[0],
                               methods, &handle));
  CHECK(env, napi_set_named_property(env, exports, "Handle", handle));
  return exports;
}
