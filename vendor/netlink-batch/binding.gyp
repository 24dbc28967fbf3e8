{
  "targets": [
    {
      "target_name": "netlink_batch",
      "sources": ["src/netlink_batch.c"],
      "defines": ["NAPI_VERSION=8"],
      "cflags": ["-std=c11", "-Wall", "-Wextra", "-fvisibility=hidden"]
    }
  ]
}
