/* What session.c (requests) and session-open.c (finding and greeting a dispatcher) share. */
#pragma once

#include "client/link.h"
#include "client/session.h"
#include "common/table.h"

struct Session {
        Instance instance;
        SessionPeer peer;
        Link *link;
        WireReader *reader;
        WireBuffer buffer;
        ZMessage message;
        Table pending;    /* request id -> Pending */
        Table unanswered; /* seq -> Pending, of those that change something */
        uint64_t last_id, last_seq;
        uint8_t client[WIRE_UUID];
        bool connected, told;
        bool started; /* the instance, by us */
        SessionNotices notices;
        unsigned ready;   /* what the last waits found and no step has seen */
        usec_t lost_usec; /* since when there is no connection; 0: there is one */
        usec_t timer_usec;
        usec_t remind_usec; /* 0: no reminder */
        void (*on_reminder)(void *userdata);
        void *reminder_userdata;
        SessionEventHandler on_event; /* NULL: the channel is closed */
        void *event_userdata;
};

void session_pending_done(Session *s);
