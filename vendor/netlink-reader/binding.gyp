{
  "targets": [
    {
      "target_name": "netlink_reader",
      "sources": ["src/netlink_reader.c"],
      "defines": ["NAPI_VERSION=8"],
      "cflags": ["-std=c11", "-Wall", "-Wextra", "-fvisibility=hidden"]
    }
  ]
}
