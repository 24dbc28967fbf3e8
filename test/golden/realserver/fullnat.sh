#!/bin/sh
# Real server s1 10.2.0.21 of cluster edge-1, on eth1

# Questions come from the directors’ local addresses, and are answered there (in)
# Note: this host sees no client’s address; `sluice connections --local ADDRESS:PORT` on a director tells who it was

# a route to 10.3.0.1, local address of d1
#   else answers to connections that d1 sends from there go nowhere: they time out
#   a default route by the network that hears the directors’ announcements will do

# a route to 10.3.0.2, local address of d2
#   else answers to connections that d2 sends from there go nowhere: they time out
#   a default route by the network that hears the directors’ announcements will do
