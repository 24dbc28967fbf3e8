/*
 * The one thing about TUN devices that Node cannot do: the ioctl that makes a device of an open /dev/net/tun.
 *
 * Duty: attach(descriptor, name). Packets then go through the descriptor by Node's own fs.read and fs.write: one packet a
 * call, each behind a struct virtio_net_hdr (linux/virtio_net.h). Inputs: a descriptor that the caller has opened and closes; with it
 * goes the device. Outputs: nothing, or { errno, syscall }, of which index.js makes an error.
 *
 * There is no state, so the module can be loaded by any number of worker threads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdbool.h>
#include <sys/ioctl.h>

#include <node_api.h>

#define CHECK(env, call)                                                                  \
  do {                                                                                    \
    if ((call) != napi_ok) {                                                              \
      bool pending = false;                                                               \
      napi_is_exception_pending((env), &pending);                                         \
      if (!pending) napi_throw_error((env), "ERR_TUN_DEVICE_INTERNAL", "failed: " #call); \
      return NULL;                                                                        \
    }                                                                                     \
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

/* attach(descriptor, name): undefined or { errno, syscall }. A name that is too long is refused, not cut. */
static napi_value attach(napi_env env, napi_callback_info info) {
  napi_value args[2];
  size_t count = 2, length = 0;
  int32_t descriptor;
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
  CHECK(env, napi_get_cb_info(env, info, &count, args, NULL, NULL));
  CHECK(env, napi_get_value_int32(env, args[0], &descriptor));
  CHECK(env, napi_get_value_string_utf8(env, args[1], NULL, 0, &length));
  if (length >= IFNAMSIZ) return failure(env, ENAMETOOLONG, "ioctl TUNSETIFF");
  CHECK(env, napi_get_value_string_utf8(env, args[1], request.ifr_name, IFNAMSIZ, &length));
  if (ioctl(descriptor, TUNSETIFF, &request) == 0) return NULL;
  return failure(env, errno, "ioctl TUNSETIFF");
}

NAPI_MODULE_INIT() {
  napi_value function;
  CHECK(env, napi_create_function(env, "attach", NAPI_AUTO_LENGTH, attach, NULL, &function));
  CHECK(env, napi_set_named_property(env, exports, "attach", function));
  return exports;
}
