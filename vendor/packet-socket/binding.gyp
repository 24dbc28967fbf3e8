{
  "targets": [
    {
      "target_name": "packet_socket",
      "sources": ["src/packet_socket.c"],
      "defines": ["NAPI_VERSION=8"],
      "cflags": ["-std=c11", "-Wall", "-Wextra", "-fvisibility=hidden"]
    }
  ]
}
