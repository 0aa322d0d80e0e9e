/* Packets between two processes: order, a peer that does not read, descriptors, wrong sizes. */
#include "host/channel.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MANY 20000 /* far beyond what a socket takes */

TestSuite(channel, .timeout = 60);

typedef struct Packet {
        unsigned number;
        char filler[60];
} Packet;

typedef struct Pair {
        Loop loop;
        Channel *channel;
        int peer;
        size_t sizes[4], received;
} Pair;

static int on_packet(void *userdata, const void *packet, size_t size) {
        Pair *p = userdata;
        p->sizes[p->received++] = size;
        return size == sizeof(Packet) ? 0 : -EPROTO;
}

static void pair_open(Pair *p) {
        Error e = {0};
        *p = (Pair){0};
        cr_assert_eq(loop_init(&p->loop, NULL, 0, p, &e), 0);
        cr_assert_eq(channel_new(&p->loop, sizeof(Packet), on_packet, p, &p->channel, &p->peer), 0);
}

static void pair_close(Pair *p) {
        channel_free(p->channel);
        close(p->peer);
        loop_done(&p->loop);
}

Test(channel, peer_that_reads_late_gets_everything_in_order) {
        Pair p;
        Packet got;
        pair_open(&p);
        for (unsigned i = 0; i < MANY; i++)
                channel_send(p.channel, &(Packet){.number = i}, -1);
        for (unsigned i = 0; i < MANY;) {
                if (recv(p.peer, &got, sizeof got, MSG_DONTWAIT) == sizeof got)
                        cr_assert_eq(got.number, i++);
                else
                        cr_assert_geq(sd_event_run(p.loop.event, 0), 0);
        }
        pair_close(&p);
}

Test(channel, descriptor_goes_along) {
        Pair p;
        Packet got;
        int pipes[2], fd = -1;
        char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))), byte = 'x';
        struct iovec data = {&got, sizeof got};
        struct msghdr h = {.msg_iov = &data,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
        pair_open(&p);
        cr_assert_eq(pipe(pipes), 0);
        channel_send(p.channel, &(Packet){.number = 1}, pipes[1]);
        cr_assert_eq(recvmsg(p.peer, &h, 0), sizeof got);
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof fd);
        cr_assert_eq(write(fd, &byte, 1), 1);
        cr_assert_eq(read(pipes[0], &byte, 1), 1);
        close(fd);
        close(pipes[0]);
        close(pipes[1]);
        pair_close(&p);
}

Test(channel, packet_of_another_size_is_shown_and_ends_the_reading) {
        char longer[sizeof(Packet) + 20] = {0};
        Pair p;
        pair_open(&p);
        send(p.peer, longer, sizeof(Packet), 0);
        send(p.peer, longer, sizeof longer, 0);
        send(p.peer, longer, sizeof(Packet), 0);
        cr_assert_gt(sd_event_run(p.loop.event, 0), 0);
        cr_assert_eq(p.received, 2);
        cr_assert_eq(p.sizes[0], sizeof(Packet));
        cr_assert_eq(p.sizes[1], sizeof longer);
        cr_assert_eq(sd_event_run(p.loop.event, 0), 0, "it is not looked at any more");
        pair_close(&p);
}

Test(channel, last_words_of_a_dead_peer_are_drained) {
        Pair p;
        pair_open(&p);
        send(p.peer, &(Packet){0}, sizeof(Packet), 0);
        send(p.peer, &(Packet){0}, sizeof(Packet), 0);
        close(p.peer);
        p.peer = -1;
        channel_drain(p.channel);
        cr_assert_eq(p.received, 2);
        channel_send(p.channel, &(Packet){0}, -1); /* nobody is there: nothing happens */
        pair_close(&p);
}
