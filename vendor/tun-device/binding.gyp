{
  "targets": [
    {
      "target_name": "tun_device",
      "sources": ["src/tun_device.c"],
      "defines": ["NAPI_VERSION=8"],
      "cflags": ["-std=c11", "-Wall", "-Wextra", "-fvisibility=hidden"]
    }
  ]
}
