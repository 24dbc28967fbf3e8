{
  "targets": [
    {
      "target_name": "dgram_ospf",
      "sources": ["src/dgram_ospf.c"],
      "defines": ["NAPI_VERSION=8"],
      "cflags": ["-std=c11", "-Wall", "-Wextra", "-fvisibility=hidden"]
    }
  ]
}
