/*
 * Netlink sockets on Node's event loop, many messages at a time.
 *
 * Duty: one non-blocking netlink socket. Batches of datagrams are received into a slab that JavaScript owns, and JavaScript is
 * called once per batch, or with an errno: ENOBUFS means that the kernel dropped messages. What is sent is processed by the
 * kernel before the call returns, so its answers can be received at once, without the loop.
 * Inputs: a netlink protocol, group numbers, a slab (Buffer) and a table (Uint32Array), made by index.js.
 * Outputs: per datagram, offset and length in the table and the bytes in the slab.
 *
 * A socket may rest: when so many datagrams have come within so many milliseconds, it is not polled but read by a timer, so
 * that a thousand wake-ups a second do what a hundred thousand did. When less comes, it is polled again. The timer is one of
 * the kernel's own, since libuv's count whole milliseconds from when the loop last looked at the clock.
 *
 * What it does not do: it parses nothing, and makes no Error objects; a system call that fails is returned
 * as { errno, syscall } and index.js builds the error.
 *
 * There is no static state, so the module can be loaded by any number of worker threads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <node_api.h>
#include <uv.h>

#define MAX_BATCH 256
#define MAX_ROUNDS 4 /* batches per loop turn, so that a flood cannot starve timers */
#define HANDLES 2 /* of libuv: poll and timer */

#define FILTER_WORDS 4 /* per instruction of a filter: code, jt, jf, k */

enum column { OFFSET, LENGTH, COLUMNS };

struct netlink {
  napi_env env;
  uv_poll_t poll;
  uv_poll_t timer; /* of a timerfd */
  int fd;
  int timer_fd;
  uint32_t slot_bytes; /* a longer datagram is reported as lost */
  bool polled;
  /*
   * Datagrams within so many nanoseconds from which on we rest, 0 = never; for how long, and twice as long when twice as many
   * come; when the window began, what came in it and in the one before: a burst is not a load, and a load does not end with a
   * window.
   */
  uint32_t full;
  uint64_t window_ns;
  uint64_t rest_ns;
  uint64_t window;
  uint32_t in_window;
  uint32_t in_last_window;
  /* The owners of this memory: the handles of libuv, counted, and the JavaScript object. Freed by whichever lets go last. */
  int uv_alive;
  bool js_alive;
  napi_ref self, slab, table, on_batch;
  napi_async_context async_context;
  napi_async_cleanup_hook_handle cleanup_hook;
  /* What recvmmsg fills; made once for a slab. */
  uint8_t* slab_bytes;
  size_t batch;
  struct mmsghdr messages[MAX_BATCH];
  struct iovec vectors[MAX_BATCH];
  struct sockaddr_nl senders[MAX_BATCH];
};

#define CHECK(env, call)                                                                  \
  do {                                                                                    \
    if ((call) != napi_ok) {                                                              \
      bool pending = false;                                                               \
      napi_is_exception_pending((env), &pending);                                         \
      if (!pending) napi_throw_error((env), "ERR_NETLINK_BATCH_INTERNAL", "failed: " #call); \
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
                            struct netlink** socket) {
  size_t given = count;
  napi_value self;
  CHECK(env, napi_get_cb_info(env, info, &given, args, &self, NULL));
  CHECK(env, napi_unwrap(env, self, (void**)socket));
  return self;
}

/* ---- receiving ----------------------------------------------------------------------------------------------- */

static void prepare(struct netlink* s, uint8_t* slab, size_t batch) {
  if (s->slab_bytes == slab && s->batch == batch) return;
  s->slab_bytes = slab;
  s->batch = batch;
  memset(s->messages, 0, sizeof s->messages);
  for (size_t i = 0; i < batch; i++) {
    s->vectors[i] = (struct iovec){slab + i * s->slot_bytes, s->slot_bytes};
    struct msghdr* head = &s->messages[i].msg_hdr;
    head->msg_iov = &s->vectors[i];
    head->msg_iovlen = 1;
    head->msg_name = &s->senders[i];
    head->msg_namelen = sizeof s->senders[i];
  }
}

/*
 * Receives up to one batch. Returns the number of datagrams taken from the kernel, or -errno; *rows is how many are in
 * the table. Only the kernel (port 0) is listened to. The slab is looked up anew for every batch: whoever detached its
 * memory (ArrayBuffer.transfer) gets an error here instead of the kernel writing to freed memory.
 */
static int receive_batch(struct netlink* s, uint32_t* rows) {
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
  size_t batch = slab_bytes / s->slot_bytes;
  if (batch > table_words / COLUMNS) batch = table_words / COLUMNS;
  if (batch > MAX_BATCH) batch = MAX_BATCH;
  if (batch == 0 || slab == NULL || table == NULL) return -EFAULT;

  prepare(s, slab, batch);
  int taken;
  do {
    taken = recvmmsg(s->fd, s->messages, (unsigned int)batch, 0, NULL);
  } while (taken < 0 && errno == EINTR);
  if (taken < 0) return -errno;
  bool truncated = false;
  for (int i = 0; i < taken; i++) {
    struct mmsghdr* message = &s->messages[i];
    message->msg_hdr.msg_namelen = sizeof s->senders[i];
    if (s->senders[i].nl_pid != 0) continue;
    if (message->msg_hdr.msg_flags & MSG_TRUNC) {
      truncated = true;
      continue;
    }
    uint32_t* row = table + *rows * COLUMNS;
    row[OFFSET] = (uint32_t)i * s->slot_bytes;
    row[LENGTH] = message->msg_len;
    (*rows)++;
  }
  return truncated ? -ENOBUFS : taken;
}

/* Calls onBatch(rows, errno, syscall). An exception that escapes it is as uncaught as in any other event handler. */
static void deliver(struct netlink* s, uint32_t rows, int error) {
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

/* Reads and delivers until there is nothing, or a turn's share is done. Returns what the last batch did. */
static int read_share(struct netlink* s, uint32_t* total) {
  int taken = 1;
  *total = 0;
  for (int round = 0; round < MAX_ROUNDS && taken > 0 && s->fd >= 0; round++) {
    napi_handle_scope scope;
    if (napi_open_handle_scope(s->env, &scope) != napi_ok) return 0;
    uint32_t rows = 0;
    taken = receive_batch(s, &rows);
    *total += rows;
    bool all = taken >= 0 && (size_t)taken < s->batch;
    if (rows > 0) deliver(s, rows, 0);
    if (taken < 0 && taken != -EAGAIN && s->fd >= 0) deliver(s, 0, taken);
    if (taken == -ENOBUFS) taken = 1; /* what was not dropped is still to be read */
    if (all) taken = 0; /* what comes from now on is told of by the next turn */
    napi_close_handle_scope(s->env, scope);
  }
  return taken;
}

/* How many datagrams come in a window; as far as that is worth a rest, else 0. */
static uint32_t load(struct netlink* s, uint32_t taken) {
  if (s->full == 0) return 0;
  uint64_t now = uv_hrtime();
  uint64_t age = now - s->window;
  if (age >= s->window_ns) {
    s->in_last_window = age < 2 * s->window_ns ? s->in_window : 0;
    s->window = now;
    s->in_window = 0;
  }
  s->in_window += taken;
  uint32_t most = s->in_window > s->in_last_window ? s->in_window : s->in_last_window;
  return most >= s->full ? most : 0;
}

/* Arms the timer; 0 disarms it. What it had to say is forgotten in either case. */
static void set_timer(struct netlink* s, uint64_t nanoseconds) {
  struct itimerspec when = {.it_value = {nanoseconds / 1000000000, nanoseconds % 1000000000}};
  timerfd_settime(s->timer_fd, 0, &when, NULL); /* cannot fail: it is a timer, and less than a second */
}

static void rest(struct netlink* s, uint32_t datagrams) {
  uint64_t factor = datagrams < 2 * s->full ? datagrams : 2 * s->full;
  set_timer(s, s->rest_ns * factor / s->full);
}

static void on_poll(uv_poll_t* poll, int status, int events);

static void on_timer(uv_poll_t* timer, int status, int events) {
  struct netlink* s = timer->data;
  uint32_t total;
  (void)status;
  (void)events;
  read_share(s, &total);
  if (s->fd < 0) return;
  uint32_t datagrams = load(s, total);
  if (datagrams > 0) {
    rest(s, datagrams);
  } else {
    set_timer(s, 0);
    uv_poll_start(&s->poll, UV_READABLE, on_poll);
  }
}

/*
 * libuv stops polling and reports UV_EBADF whenever the socket has an error pending: here, ENOBUFS after messages were
 * dropped. The receive call fetches and clears that error, and unless the descriptor itself is bad, polling goes on.
 */
static void on_poll(uv_poll_t* poll, int status, int events) {
  struct netlink* s = poll->data;
  uint32_t total;
  (void)events;
  int taken = read_share(s, &total);
  if (s->fd < 0) return;
  uint32_t datagrams = load(s, total);
  if (datagrams > 0) {
    uv_poll_stop(poll);
    rest(s, datagrams);
  } else if (status < 0 && taken != -EBADF) {
    uv_poll_start(poll, UV_READABLE, on_poll);
  }
}

/* ---- life and death ------------------------------------------------------------------------------------------- */

static void release(struct netlink* s) {
  if (s->uv_alive == 0 && !s->js_alive) free(s);
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
  struct netlink* s = handle->data;
  if (--s->uv_alive > 0) return;
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
  release(s);
  if (hook != NULL) napi_remove_async_cleanup_hook(hook);
}

static void close_socket(struct netlink* s) {
  if (s->fd < 0) return;
  uv_poll_stop(&s->poll);
  uv_poll_stop(&s->timer);
  close(s->fd);
  close(s->timer_fd);
  s->fd = -1;
  uv_close((uv_handle_t*)&s->poll, on_closed);
  uv_close((uv_handle_t*)&s->timer, on_closed);
}

/* The environment goes (process exit, worker terminated): Node waits until on_closed removes the hook. */
static void on_cleanup(napi_async_cleanup_hook_handle hook, void* data) {
  struct netlink* s = data;
  s->cleanup_hook = hook;
  close_socket(s);
}

static void on_finalize(napi_env env, void* data, void* hint) {
  (void)env;
  (void)hint;
  struct netlink* s = data;
  s->js_alive = false;
  release(s);
}

/* new Handle(): allocates; open() gives it a socket. */
static napi_value construct(napi_env env, napi_callback_info info) {
  napi_value self;
  CHECK(env, napi_get_cb_info(env, info, NULL, NULL, &self, NULL));
  struct netlink* s = calloc(1, sizeof *s);
  if (s == NULL) return failure(env, ENOMEM, "malloc");
  s->env = env;
  s->fd = -1;
  s->js_alive = true;
  if (napi_wrap(env, self, s, on_finalize, NULL, NULL) != napi_ok) {
    free(s);
    napi_throw_error(env, "ERR_NETLINK_BATCH_INTERNAL", "failed: napi_wrap");
    return NULL;
  }
  return self;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

/* With CAP_NET_ADMIN beyond net.core.rmem_max, without it up to that. */
static int set_receive_buffer(int fd, int bytes) {
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) == 0) return 0;
  return setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

static napi_value keep_references(napi_env env, struct netlink* s, napi_value self, const napi_value* args) {
  napi_value name;
  CHECK(env, napi_create_string_utf8(env, "NETLINK_BATCH", NAPI_AUTO_LENGTH, &name));
  CHECK(env, napi_async_init(env, self, name, &s->async_context));
  CHECK(env, napi_create_reference(env, self, 1, &s->self));
  CHECK(env, napi_create_reference(env, args[0], 1, &s->slab));
  CHECK(env, napi_create_reference(env, args[1], 1, &s->table));
  CHECK(env, napi_create_reference(env, args[2], 1, &s->on_batch));
  return self;
}

/* What open() takes as numbers, in one Uint32Array. */
enum option { PROTOCOL, RECEIVE_BYTES, SLOT_BYTES, POLLED, FULL, WITHIN_MS, REST_US, OPTIONS };

/* open(slab, table, onBatch, options): undefined or { errno, syscall }. */
static napi_value open_socket(napi_env env, napi_callback_info info) {
  napi_value args[4];
  struct netlink* s;
  napi_value self = arguments(env, info, 4, args, &s);
  uint32_t* option = NULL;
  size_t count = 0;
  uv_loop_t* loop;
  if (self == NULL) return NULL;
  if (s->fd >= 0 || s->uv_alive > 0) return failure(env, EALREADY, "socket");
  CHECK(env, napi_get_typedarray_info(env, args[3], NULL, &count, (void**)&option, NULL, NULL));
  CHECK(env, napi_get_uv_event_loop(env, &loop));
  if (count != OPTIONS || option[SLOT_BYTES] == 0) return failure(env, EINVAL, "socket");
  int protocol = (int)option[PROTOCOL];
  int receive_bytes = (int)option[RECEIVE_BYTES];
  s->slot_bytes = option[SLOT_BYTES];
  s->polled = option[POLLED] != 0;
  s->full = option[FULL];
  s->window_ns = option[WITHIN_MS] * UINT64_C(1000000);
  s->rest_ns = option[REST_US] * UINT64_C(1000);

  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  if (fd < 0) return failure(env, errno, "socket");
  struct sockaddr_nl any = {.nl_family = AF_NETLINK};
  const char* step = "setsockopt SO_RCVBUF";
  int error = set_receive_buffer(fd, receive_bytes) == 0 ? 0 : errno;
  if (error == 0) {
    step = "bind";
    error = bind(fd, (struct sockaddr*)&any, sizeof any) == 0 ? 0 : errno;
  }
  /* An answer that refuses a request names it, and does not repeat it. */
  if (error == 0 && setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &(int){1}, sizeof(int)) != 0) {
    step = "setsockopt NETLINK_CAP_ACK";
    error = errno;
  }
  int timer_fd = -1;
  if (error == 0) {
    step = "timerfd_create";
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    error = timer_fd < 0 ? errno : 0;
  }
  if (error == 0) {
    step = "uv_poll_init";
    error = -uv_poll_init(loop, &s->timer, timer_fd);
  }
  if (error == 0 && (error = -uv_poll_init(loop, &s->poll, fd)) != 0) {
    /* The loop knows one of the two, and this memory with it. */
    s->uv_alive = 1;
    s->timer.data = s;
    uv_close((uv_handle_t*)&s->timer, on_closed);
  }
  if (error != 0) {
    close(fd);
    if (timer_fd >= 0) close(timer_fd);
    return failure(env, error, step);
  }
  s->fd = fd;
  s->timer_fd = timer_fd;
  s->poll.data = s;
  s->timer.data = s;
  s->uv_alive = HANDLES;
  napi_add_async_cleanup_hook(env, on_cleanup, s, &s->cleanup_hook);
  if (keep_references(env, s, self, args) == NULL) {
    close_socket(s);
    return NULL;
  }
  int status = s->polled ? uv_poll_start(&s->poll, UV_READABLE, on_poll) : 0;
  if (status == 0 && s->polled && s->full > 0) status = uv_poll_start(&s->timer, UV_READABLE, on_timer);
  if (status == 0) return NULL;
  close_socket(s);
  return failure(env, -status, "uv_poll_start");
}

/* ---- methods --------------------------------------------------------------------------------------------------- */

static napi_value close_method(napi_env env, napi_callback_info info) {
  struct netlink* s;
  if (arguments(env, info, 0, NULL, &s) != NULL) close_socket(s);
  return NULL;
}

/* join(group): undefined or { errno, syscall }. Groups count from 1 (RTNLGRP_*, NFNLGRP_*). */
static napi_value join_method(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct netlink* s;
  int32_t group;
  if (arguments(env, info, 1, args, &s) == NULL) return NULL;
  CHECK(env, napi_get_value_int32(env, args[0], &group));
  if (setsockopt(s->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0) return NULL;
  return failure(env, errno, "setsockopt NETLINK_ADD_MEMBERSHIP");
}

/* filter(instructions): code, jt, jf, k as words of one Uint32Array. Undefined or { errno, syscall }. */
static napi_value filter_method(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct netlink* s;
  uint32_t* words = NULL;
  size_t count = 0;
  if (arguments(env, info, 1, args, &s) == NULL) return NULL;
  CHECK(env, napi_get_typedarray_info(env, args[0], NULL, &count, (void**)&words, NULL, NULL));
  size_t length = count / FILTER_WORDS;
  if (length == 0 || length > BPF_MAXINSNS) return failure(env, EINVAL, "setsockopt SO_ATTACH_FILTER");
  struct sock_filter* program = calloc(length, sizeof *program);
  if (program == NULL) return failure(env, ENOMEM, "malloc");
  for (size_t i = 0; i < length; i++) {
    const uint32_t* row = words + i * FILTER_WORDS;
    program[i] = (struct sock_filter){(uint16_t)row[0], (uint8_t)row[1], (uint8_t)row[2], row[3]};
  }
  struct sock_fprog whole = {.len = (unsigned short)length, .filter = program};
  int error = setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_FILTER, &whole, sizeof whole) == 0 ? 0 : errno;
  free(program);
  return error == 0 ? NULL : failure(env, error, "setsockopt SO_ATTACH_FILTER");
}

/* send(bytes): one datagram, of any number of messages, which the kernel has processed when this returns; undefined or { errno, syscall }. */
static napi_value send_method(napi_env env, napi_callback_info info) {
  napi_value args[1];
  struct netlink* s;
  void* bytes = NULL;
  size_t length = 0;
  if (arguments(env, info, 1, args, &s) == NULL) return NULL;
  CHECK(env, napi_get_buffer_info(env, args[0], &bytes, &length));
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  ssize_t sent;
  do {
    sent = sendto(s->fd, bytes, length, 0, (struct sockaddr*)&kernel, sizeof kernel);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? failure(env, errno, "sendto") : NULL;
}

/* receive(): how many datagrams are in the table now, or -errno. For sockets that are not polled, and to be ahead of the loop. */
static napi_value receive_method(napi_env env, napi_callback_info info) {
  struct netlink* s;
  napi_value result;
  uint32_t rows = 0;
  if (arguments(env, info, 0, NULL, &s) == NULL) return NULL;
  int taken = receive_batch(s, &rows);
  CHECK(env, napi_create_int32(env, taken == -EAGAIN ? 0 : taken < 0 ? taken : (int32_t)rows, &result));
  return result;
}

/* portId(): what the kernel knows the socket by, or { errno, syscall }. */
static napi_value port_id_method(napi_env env, napi_callback_info info) {
  struct netlink* s;
  napi_value result;
  struct sockaddr_nl self = {0};
  socklen_t length = sizeof self;
  if (arguments(env, info, 0, NULL, &s) == NULL) return NULL;
  if (getsockname(s->fd, (struct sockaddr*)&self, &length) != 0) return failure(env, errno, "getsockname");
  CHECK(env, napi_create_uint32(env, self.nl_pid, &result));
  return result;
}

static napi_value ref_method(napi_env env, napi_callback_info info) {
  struct netlink* s;
  if (arguments(env, info, 0, NULL, &s) != NULL && s->fd >= 0) {
    uv_ref((uv_handle_t*)&s->poll);
    uv_ref((uv_handle_t*)&s->timer);
  }
  return NULL;
}

static napi_value unref_method(napi_env env, napi_callback_info info) {
  struct netlink* s;
  if (arguments(env, info, 0, NULL, &s) != NULL && s->fd >= 0) {
    uv_unref((uv_handle_t*)&s->poll);
    uv_unref((uv_handle_t*)&s->timer);
  }
  return NULL;
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor methods[] = {
      {"open", NULL, open_socket, NULL, NULL, NULL, napi_default_method, NULL},
      {"close", NULL, close_method, NULL, NULL, NULL, napi_default_method, NULL},
      {"join", NULL, join_method, NULL, NULL, NULL, napi_default_method, NULL},
      {"send", NULL, send_method, NULL, NULL, NULL, napi_default_method, NULL},
      {"receive", NULL, receive_method, NULL, NULL, NULL, napi_default_method, NULL},
      {"portId", NULL, port_id_method, NULL, NULL, NULL, napi_default_method, NULL},
      {"filter", NULL, filter_method, NULL, NULL, NULL, napi_default_method, NULL},
      {"ref", NULL, ref_method, NULL, NULL, NULL, napi_default_method, NULL},
      {"unref", NULL, unref_method, NULL, NULL, NULL, napi_default_method, NULL},
  };
  napi_value handle;
  CHECK(env, napi_define_class(env, "Handle", NAPI_AUTO_LENGTH, construct, NULL, sizeof methods / sizeof methods[0],
                               methods, &handle));
  CHECK(env, napi_set_named_property(env, exports, "Handle", handle));
  return exports;
}
