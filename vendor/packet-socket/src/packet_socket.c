/*
 * The one thing about packet sockets (packet(7)) that Node cannot do: to open one.
 *
 * Duty: open(ifindex). Frames are then sent by Node's own fs.write, one a call, whole with their Ethernet header. Inputs: the index of an
 * interface of this network namespace. Outputs: a descriptor that the caller closes, or { errno, syscall }, of which index.js
 * makes an error. The socket is of no protocol, so nothing is received by it.
 *
 * There is no state, so the module can be loaded by any number of worker threads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_packet.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include <node_api.h>

#define CHECK(env, call)                                                                     \
  do {                                                                                       \
    if ((call) != napi_ok) {                                                                 \
      bool pending = false;                                                                  \
      napi_is_exception_pending((env), &pending);                                            \
      if (!pending) napi_throw_error((env), "ERR_PACKET_SOCKET_INTERNAL", "failed: " #call); \
      return NULL;                                                                           \
    }                                                                                        \
  } while (0)

static napi_value failure(napi_env env, int error, const char* syscall) {
  napi_value object, number, text;
  CHECK(env, napi_create_object(env, &object));
  CHECK(env, napi_create_int32(env, -error, &number));
  CHECK(env, napi_create_string_utf8(env, syscall, NAPI_AUTO_LENGTH, &text));
  CHECK(env, napi_set_named_property(env, object, "errno", number));
  CHECK(env, napi_set_named_property(env, object, "syscall", text));
  return object;
}

/* open(ifindex): a descriptor, or { errno, syscall }. */
static napi_value open_socket(napi_env env, napi_callback_info info) {
  napi_value args[1], result;
  size_t count = 1;
  int32_t ifindex;
  CHECK(env, napi_get_cb_info(env, info, &count, args, NULL, NULL));
  CHECK(env, napi_get_value_int32(env, args[0], &ifindex));
  int descriptor = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return failure(env, errno, "socket");
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};
  if (bind(descriptor, (struct sockaddr*)&address, sizeof address) != 0) {
    int error = errno;
    close(descriptor);
    return failure(env, error, "bind");
  }
  CHECK(env, napi_create_int32(env, descriptor, &result));
  return result;
}

NAPI_MODULE_INIT() {
  napi_value function;
  CHECK(env, napi_create_function(env, "open", NAPI_AUTO_LENGTH, open_socket, NULL, &function));
  CHECK(env, napi_set_named_property(env, exports, "open", function));
  return exports;
}
