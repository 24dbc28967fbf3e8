/*
 * Connections for a benchmark, in the kernel's own table: made in one network namespace by ctnetlink, as fast or as evenly as
 * asked, and looked for in another one. Both ends are one process, so that both are timed by one clock.
 *
 *   ct-load load    A B COUNT RATE MODE VIP SERVER MARK   connections into A at RATE a second (0: as fast as it goes), seen in B
 *   ct-load fill    A   COUNT RATE MODE VIP SERVER MARK   the same, and nobody looks
 *   ct-load watch   B   COUNT                             says when the first and the last of them came to B
 *   ct-load present B   COUNT                             how many of them are in B now
 *   ct-load flush   A                                     nothing is left in A
 *
 * A and B are names of network namespaces. Connection number n has the client 10.64.0.0 + n / 40000, port 10000 + n % 40000.
 * MODE new: one message makes the connection as it is when it is established, and the kernel tells of one that is new.
 * With one word more, LOCAL, servers see LOCAL + n / 40000 in place of the client, with its port, as with FullNAT.
 * MODE assured: it is made as it is after its SYN, then becomes established and assured: the kernel tells of a change, as it
 * does of a real connection; the time runs from there.
 *
 * Answers with one line of JSON. Times are nanoseconds of CLOCK_MONOTONIC.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORTS 40000
#define FIRST_PORT 10000
#define FIRST_CLIENT 0x0a400000u
#define BATCH 32
#define RECEIVE_BYTES (64 << 20)
/* After the last one was made: whoever has not come by then is counted as lost. */
#define QUIET_NS 3000000000ll
#define LIFE_S 1800
#define STATE_SYN_SENT 1
#define STATE_ESTABLISHED 3
#define STATUS_SEEN_REPLY 0x2
#define STATUS_ASSURED 0x4
#define STATUS_CONFIRMED 0x8

static uint32_t count, vip, server, local, mark;
static uint16_t service_port = 80;
static int64_t *made_at, *seen_at;
static atomic_int made, seen, twice;
static atomic_llong last_made;

static void die(const char *what)
{
	fprintf(stderr, "ct-load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void enter(const char *name)
{
	char path[256];
	snprintf(path, sizeof path, "/run/netns/%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) die(path);
	close(fd);
}

/* A netlink socket of the namespace that the calling thread is in. */
static int open_socket(uint32_t groups)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	int bytes = RECEIVE_BYTES;
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = groups };
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("netlink socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0) die("SO_RCVBUFFORCE");
	return fd;
}

/* --- messages ------------------------------------------------------------------------------------------------------ */

struct message {
	uint8_t *bytes;
	uint32_t length;
};

static void put(struct message *m, uint16_t type, const void *value, uint16_t length)
{
	struct nlattr *head = (struct nlattr *)(m->bytes + m->length);
	head->nla_type = type;
	head->nla_len = NLA_HDRLEN + length;
	memset(m->bytes + m->length + NLA_HDRLEN, 0, NLA_ALIGN(length));
	if (length > 0) memcpy(m->bytes + m->length + NLA_HDRLEN, value, length);
	m->length += NLA_HDRLEN + NLA_ALIGN(length);
}

static void put_u8(struct message *m, uint16_t type, uint8_t value) { put(m, type, &value, 1); }
static void put_be16(struct message *m, uint16_t type, uint16_t value) { value = htons(value); put(m, type, &value, 2); }
static void put_be32(struct message *m, uint16_t type, uint32_t value) { value = htonl(value); put(m, type, &value, 4); }

static uint32_t nest(struct message *m, uint16_t type)
{
	uint32_t at = m->length;
	put(m, type | NLA_F_NESTED, NULL, 0);
	return at;
}

static void end_nest(struct message *m, uint32_t at)
{
	((struct nlattr *)(m->bytes + at))->nla_len = m->length - at;
}

static void begin(struct message *m, uint16_t type, uint16_t flags)
{
	struct nlmsghdr head = { .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | type, .nlmsg_flags = NLM_F_REQUEST | flags };
	struct nfgenmsg family = { .nfgen_family = AF_INET };
	memcpy(m->bytes, &head, sizeof head);
	memcpy(m->bytes + sizeof head, &family, sizeof family);
	m->length = sizeof head + sizeof family;
}

static void put_tuple(struct message *m, uint16_t type, uint32_t from, uint16_t from_port, uint32_t to, uint16_t to_port)
{
	uint32_t tuple = nest(m, type);
	uint32_t ip = nest(m, CTA_TUPLE_IP);
	put_be32(m, CTA_IP_V4_SRC, from);
	put_be32(m, CTA_IP_V4_DST, to);
	end_nest(m, ip);
	uint32_t proto = nest(m, CTA_TUPLE_PROTO);
	put_u8(m, CTA_PROTO_NUM, IPPROTO_TCP);
	put_be16(m, CTA_PROTO_SRC_PORT, from_port);
	put_be16(m, CTA_PROTO_DST_PORT, to_port);
	end_nest(m, proto);
	end_nest(m, tuple);
}

static void put_state(struct message *m, uint8_t state)
{
	struct nf_ct_tcp_flags liberal = { .flags = 0x08, .mask = 0xff };
	uint32_t protocol = nest(m, CTA_PROTOINFO);
	uint32_t tcp = nest(m, CTA_PROTOINFO_TCP);
	put_u8(m, CTA_PROTOINFO_TCP_STATE, state);
	put_u8(m, CTA_PROTOINFO_TCP_WSCALE_ORIGINAL, 7);
	put_u8(m, CTA_PROTOINFO_TCP_WSCALE_REPLY, 7);
	put(m, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, &liberal, sizeof liberal);
	put(m, CTA_PROTOINFO_TCP_FLAGS_REPLY, &liberal, sizeof liberal);
	end_nest(m, tcp);
	end_nest(m, protocol);
}

static uint32_t client_of(uint32_t number) { return FIRST_CLIENT + number / PORTS; }
static uint16_t port_of(uint32_t number) { return FIRST_PORT + number % PORTS; }

static void put_translation(struct message *m, uint16_t type, uint32_t to, uint16_t port)
{
	uint32_t nat = nest(m, type);
	put_be32(m, CTA_NAT_V4_MINIP, to);
	put_be32(m, CTA_NAT_V4_MAXIP, to);
	uint32_t range = nest(m, CTA_NAT_PROTO);
	put_be16(m, CTA_PROTONAT_PORT_MIN, port);
	put_be16(m, CTA_PROTONAT_PORT_MAX, port);
	end_nest(m, range);
	end_nest(m, nat);
}

/* A connection that the kernel does not have yet, with its translation to the real server. */
static uint32_t encode_create(uint8_t *bytes, uint32_t number, int established)
{
	struct message m = { bytes, 0 };
	uint32_t client = client_of(number);
	uint16_t port = port_of(number);
	begin(&m, IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL);
	put_tuple(&m, CTA_TUPLE_ORIG, client, port, vip, service_port);
	put_tuple(&m, CTA_TUPLE_REPLY, vip, service_port, client, port);
	put_be32(&m, CTA_STATUS, STATUS_CONFIRMED | (established ? STATUS_SEEN_REPLY | STATUS_ASSURED : 0));
	put_be32(&m, CTA_TIMEOUT, LIFE_S);
	put_be32(&m, CTA_MARK, mark);
	put_state(&m, established ? STATE_ESTABLISHED : STATE_SYN_SENT);
	put_translation(&m, CTA_NAT_DST, server, service_port);
	if (local != 0) put_translation(&m, CTA_NAT_SRC, local + number / PORTS, port);
	((struct nlmsghdr *)bytes)->nlmsg_len = m.length;
	return m.length;
}

static uint32_t encode_establish(uint8_t *bytes, uint32_t number)
{
	struct message m = { bytes, 0 };
	begin(&m, IPCTNL_MSG_CT_NEW, 0);
	put_tuple(&m, CTA_TUPLE_ORIG, client_of(number), port_of(number), vip, service_port);
	put_be32(&m, CTA_STATUS, STATUS_CONFIRMED | STATUS_SEEN_REPLY | STATUS_ASSURED);
	put_be32(&m, CTA_TIMEOUT, LIFE_S);
	put_state(&m, STATE_ESTABLISHED);
	((struct nlmsghdr *)bytes)->nlmsg_len = m.length;
	return m.length;
}

/* --- making -------------------------------------------------------------------------------------------------------- */

static void send_all(int fd, const uint8_t *bytes, uint32_t length)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	if (sendto(fd, bytes, length, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0) die("sendto");
	/* Only refusals are answered: nobody has asked for more. */
	uint8_t answer[4096];
	ssize_t got = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
	if (got < 0) {
		if (errno != EAGAIN) die("recv");
		return;
	}
	struct nlmsgerr *refusal = NLMSG_DATA((struct nlmsghdr *)answer);
	errno = -refusal->error;
	die("the kernel refuses a connection");
}

static void make_batch(int fd, uint32_t from, uint32_t until, int assured)
{
	static uint8_t bytes[BATCH * 512];
	uint32_t length = 0;
	for (uint32_t n = from; n < until; n++) length += encode_create(bytes + length, n, !assured);
	if (!assured) {
		int64_t at = now_ns();
		for (uint32_t n = from; n < until; n++) made_at[n] = at;
	}
	send_all(fd, bytes, length);
	if (!assured) return;
	length = 0;
	for (uint32_t n = from; n < until; n++) length += encode_establish(bytes + length, n);
	int64_t at = now_ns();
	for (uint32_t n = from; n < until; n++) made_at[n] = at;
	send_all(fd, bytes, length);
}

/* At an even pace each is made when its time has come, alone; whoever is late makes up for it in small batches. */
static void make_all(int fd, uint32_t rate, int assured)
{
	int64_t start = now_ns();
	for (uint32_t n = 0; n < count;) {
		uint32_t due = rate == 0 ? count : (uint32_t)((now_ns() - start) * rate / 1000000000ll) + 1;
		if (due <= n) {
			int64_t at = start + n * 1000000000ll / rate;
			struct timespec wake = { at / 1000000000ll, at % 1000000000ll };
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL);
			continue;
		}
		uint32_t until = due < count ? due : count;
		if (until > n + BATCH) until = n + BATCH;
		make_batch(fd, n, until, assured);
		n = until;
		atomic_store(&made, n);
	}
	atomic_store(&last_made, now_ns());
}

/* --- looking ------------------------------------------------------------------------------------------------------- */

static const struct nlattr *find(const uint8_t *at, int left, uint16_t type)
{
	while (left >= NLA_HDRLEN) {
		const struct nlattr *attribute = (const struct nlattr *)at;
		if ((attribute->nla_type & NLA_TYPE_MASK) == type) return attribute;
		int step = NLA_ALIGN(attribute->nla_len);
		if (step < NLA_HDRLEN) return NULL;
		at += step;
		left -= step;
	}
	return NULL;
}

static const struct nlattr *inside(const struct nlattr *parent, uint16_t type)
{
	if (parent == NULL) return NULL;
	return find((const uint8_t *)parent + NLA_HDRLEN, parent->nla_len - NLA_HDRLEN, type);
}

/* The number of the connection that a message is about, or -1. */
static int64_t number_of(const struct nlmsghdr *message)
{
	const uint8_t *payload = (const uint8_t *)message + NLMSG_HDRLEN + sizeof(struct nfgenmsg);
	int length = message->nlmsg_len - NLMSG_HDRLEN - sizeof(struct nfgenmsg);
	const struct nlattr *tuple = find(payload, length, CTA_TUPLE_ORIG);
	const struct nlattr *source = inside(inside(tuple, CTA_TUPLE_IP), CTA_IP_V4_SRC);
	const struct nlattr *port = inside(inside(tuple, CTA_TUPLE_PROTO), CTA_PROTO_SRC_PORT);
	if (source == NULL || port == NULL) return -1;
	uint32_t client;
	uint16_t from;
	memcpy(&client, (const uint8_t *)source + NLA_HDRLEN, 4);
	memcpy(&from, (const uint8_t *)port + NLA_HDRLEN, 2);
	int64_t number = ((int64_t)ntohl(client) - FIRST_CLIENT) * PORTS + ntohs(from) - FIRST_PORT;
	return number >= 0 && number < count ? number : -1;
}

static void note(const struct nlmsghdr *message, int64_t at)
{
	int64_t number = number_of(message);
	if (number < 0) return;
	if (seen_at[number] != 0) {
		atomic_fetch_add(&twice, 1);
		return;
	}
	seen_at[number] = at;
	atomic_fetch_add(&seen, 1);
}

/* Reads until all have come, or none has for some time after the last was made. */
static void look(int fd)
{
	enum { MANY = 64, LONGEST = 2048 };
	static uint8_t bytes[MANY][LONGEST];
	struct iovec vectors[MANY];
	struct mmsghdr heads[MANY];
	int64_t last = now_ns();
	for (int i = 0; i < MANY; i++) vectors[i] = (struct iovec){ bytes[i], LONGEST };
	while (atomic_load(&seen) < (int)count) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		memset(heads, 0, sizeof heads);
		for (int i = 0; i < MANY; i++) heads[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
		int got = poll(&wait, 1, 100) > 0 ? recvmmsg(fd, heads, MANY, MSG_DONTWAIT, NULL) : 0;
		int64_t at = now_ns();
		if (got < 0 && errno != EAGAIN) die("the watcher was too slow");
		for (int i = 0; i < got; i++) note((struct nlmsghdr *)bytes[i], at);
		if (got > 0) last = at;
		int64_t end = atomic_load(&last_made);
		if (end != 0 && at - end > QUIET_NS && at - last > QUIET_NS) return;
	}
}

static void *look_thread(void *fd)
{
	look(*(int *)fd);
	return NULL;
}

/* --- commands ------------------------------------------------------------------------------------------------------ */

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void print_span(const char *name, const int64_t *times)
{
	int64_t first = INT64_MAX, last = 0;
	for (uint32_t n = 0; n < count; n++) {
		if (times[n] == 0) continue;
		if (times[n] < first) first = times[n];
		if (times[n] > last) last = times[n];
	}
	printf("\"%sFirst\": %lld, \"%sLast\": %lld, ", name, (long long)(last == 0 ? 0 : first), name, (long long)last);
}

static void print_latency(void)
{
	int64_t *waits = malloc(sizeof *waits * (count + 1));
	uint32_t filled = 0;
	for (uint32_t n = 0; n < count; n++)
		if (seen_at[n] != 0) waits[filled++] = seen_at[n] - made_at[n];
	qsort(waits, filled, sizeof *waits, ascending);
	const double parts[] = { 0.5, 0.9, 0.99, 0.999, 1 };
	const char *names[] = { "median", "p90", "p99", "p999", "max" };
	for (int i = 0; i < 5; i++) {
		int64_t value = filled == 0 ? 0 : waits[(uint32_t)((filled - 1) * parts[i])];
		printf("\"%s\": %lld, ", names[i], (long long)value);
	}
	free(waits);
}

static void load(const char *from, const char *to, uint32_t rate, int assured)
{
	pthread_t thread;
	int watching = -1;
	if (to != NULL) {
		enter(to);
		watching = open_socket(1 << (NFNLGRP_CONNTRACK_NEW - 1));
		pthread_create(&thread, NULL, look_thread, &watching);
	}
	enter(from);
	make_all(open_socket(0), rate, assured);
	if (to != NULL) pthread_join(thread, NULL);
	printf("{ ");
	print_span("made", made_at);
	print_span("seen", seen_at);
	print_latency();
	printf("\"made\": %d, \"seen\": %d, \"twice\": %d }\n", made, seen, twice);
}

/* The end is when all have come, or standard input ends: whoever asked has waited long enough. */
static void *end_with_input(void *ignored)
{
	char byte;
	while (read(0, &byte, 1) > 0);
	atomic_store(&last_made, now_ns() - QUIET_NS);
	return ignored;
}

static void watch(const char *where)
{
	pthread_t thread;
	enter(where);
	int fd = open_socket(1 << (NFNLGRP_CONNTRACK_NEW - 1));
	printf("{ \"ready\": true }\n");
	fflush(stdout);
	pthread_create(&thread, NULL, end_with_input, NULL);
	look(fd);
	printf("{ ");
	print_span("seen", seen_at);
	printf("\"seen\": %d, \"twice\": %d }\n", seen, twice);
}

static void present(const char *where)
{
	static uint8_t bytes[1 << 16];
	struct message m = { bytes, 0 };
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	enter(where);
	int fd = open_socket(0);
	begin(&m, IPCTNL_MSG_CT_GET, NLM_F_DUMP);
	((struct nlmsghdr *)bytes)->nlmsg_len = m.length;
	if (sendto(fd, bytes, m.length, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0) die("sendto");
	for (int done = 0; !done;) {
		ssize_t length = recv(fd, bytes, sizeof bytes, 0);
		if (length < 0) die("recv");
		unsigned int left = length;
		for (struct nlmsghdr *h = (struct nlmsghdr *)bytes; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE) done = 1;
			else note(h, 1);
		}
	}
	printf("{ \"present\": %d }\n", seen);
}

static void flush(const char *where)
{
	uint8_t bytes[64];
	struct message m = { bytes, 0 };
	enter(where);
	begin(&m, IPCTNL_MSG_CT_DELETE, 0);
	((struct nlmsghdr *)bytes)->nlmsg_len = m.length;
	send_all(open_socket(0), bytes, m.length);
	printf("{}\n");
}

static uint32_t address(const char *text)
{
	struct in_addr parsed;
	if (inet_pton(AF_INET, text, &parsed) != 1) die(text);
	return ntohl(parsed.s_addr);
}

/* RATE MODE VIP SERVER MARK [LOCAL] */
static void read_load(char **words, uint32_t *rate, int *assured)
{
	*rate = strtoul(words[0], NULL, 10);
	*assured = strcmp(words[1], "assured") == 0;
	vip = address(words[2]);
	server = address(words[3]);
	mark = strtoul(words[4], NULL, 0);
	if (words[5] != NULL) local = address(words[5]);
}

static void allocate(const char *text)
{
	count = strtoul(text, NULL, 10);
	made_at = calloc(count + 1, sizeof *made_at);
	seen_at = calloc(count + 1, sizeof *seen_at);
	if (made_at == NULL || seen_at == NULL) die("memory");
}

int main(int words, char **word)
{
	uint32_t rate;
	int assured;
	const char *command = words > 2 ? word[1] : "";
	if (strcmp(command, "flush") == 0 && words == 3) {
		flush(word[2]);
	} else if (strcmp(command, "load") == 0 && (words == 10 || words == 11)) {
		allocate(word[4]);
		read_load(word + 5, &rate, &assured);
		load(word[2], word[3], rate, assured);
	} else if (strcmp(command, "fill") == 0 && (words == 9 || words == 10)) {
		allocate(word[3]);
		read_load(word + 4, &rate, &assured);
		load(word[2], NULL, rate, assured);
	} else if (strcmp(command, "watch") == 0 && words == 4) {
		allocate(word[3]);
		watch(word[2]);
	} else if (strcmp(command, "present") == 0 && words == 4) {
		allocate(word[3]);
		present(word[2]);
	} else {
		fprintf(stderr, "ct-load: see the head of its source for the words it takes\n");
		return 2;
	}
	return 0;
}
