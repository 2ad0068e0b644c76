/* A change on its way through a fleet, with everything that a lease cannot rule out: it may run out at any moment, and
 * a machine may sleep between any two steps. ./dev test --model looks at every order in which this can happen.
 *
 * What is shown:
 *   - records are in the order of fences, and no two configurations begin under one fence;
 *   - what is recorded as good is what began last;
 *   - on every machine fences rise;
 *   - a bad configuration is in force on no more machines at a time than one, and one more for each lease that was lost.
 *
 * The lock has one place here, as it has until a configuration has stood (reload.lock.parallel: 1); each machine refuses what
 * it finds known to be bad once it has the lock.
 *
 * -DNO_FENCE takes the fence out of the records, and -DNO_FENCE_AT_THE_END out of the last one alone: their order fails, or
 * what is recorded as good. -DAMNESIA lets the servers lose their memory once: the order of all records cannot hold then, what
 * each machine promises by its own disk does. -DNO_FLOOR takes that disk out as well: fences go back.
 */
#define MACHINES 3
#define BAD 1
#define GOOD 2

byte holder;           /* of the lock; 0: nobody */
byte fence;            /* the servers' counter */
byte recorded;         /* the highest fence that was begun ... */
byte recorded_config;  /* ... and of which configuration */
byte begun;            /* the same, as it really was: the servers may forget, this does not */
bool known_bad;
byte lost;             /* leases that ran out under their holder */
byte running_bad;      /* machines that have the bad one in force */

#ifdef NO_FENCE
#define may_begin(f, c) (true)
#define may_finish(f, c) (true)
#elif defined(NO_FENCE_AT_THE_END)
#define may_begin(f, c) (f > recorded || (f == recorded && c == recorded_config))
#define may_finish(f, c) (true)
#else
#define may_begin(f, c) (f > recorded || (f == recorded && c == recorded_config))
#define may_finish(f, c) (f > recorded || c == recorded_config)
#endif

/* A lease that nobody renews: its machine sleeps, or the network is gone. Twice is enough for every mixture. */
active proctype clock() {
    do
    :: atomic { holder != 0 && lost < 2 -> holder = 0; lost++ }
    :: break
    od
}

#ifdef AMNESIA
active proctype amnesia() {
    atomic { holder = 0; fence = 0; recorded = 0; recorded_config = 0; known_bad = false; lost++ }
}
#endif

proctype machine(byte me) {
    byte config, mine, before, in_force, disk;
    bool looks_held;
    config = BAD; /* the file says so on all of them, and then somebody mends it */
    do
    :: config > GOOD -> break
    :: else ->
        atomic { /* take: SET NX, and the fence above what this machine has on disk */
            holder == 0 -> holder = me;
#ifdef NO_FLOOR
            fence = fence + 1;
#else
            fence = (fence > disk -> fence : disk) + 1;
#endif
            mine = fence
        }
        assert(mine > disk);
        disk = mine;
        if
        :: config == BAD && known_bad -> goto give_back /* refused: it never ran it */
        :: else
        fi;
        atomic { /* begin */
            if
            :: may_begin(mine, config) ->
#ifndef AMNESIA
                assert(mine > begun);
#endif
                begun = mine; recorded = mine; recorded_config = config
            :: else -> goto give_back
            fi
        }
        looks_held = (holder == me); /* by the lease's deadline; it may sleep after this look */
        if
        :: !looks_held -> goto give_back
        :: else
        fi;
        atomic {
            before = in_force; in_force = config;
            if
            :: config == BAD -> running_bad++; assert(running_bad <= 1 + lost)
            :: else
            fi
        }
        if
        :: config == BAD -> /* it shows within the window, and is told whatever the fence says */
            atomic { known_bad = true; running_bad--; in_force = before }
        :: else ->
            atomic { /* finish */
                if
                :: may_finish(mine, config) ->
                    if
                    :: mine > recorded -> recorded = mine; recorded_config = config
                    :: else
                    fi;
                    assert(recorded_config == config)
                :: else -> in_force = before
                fi
            }
        fi;
give_back:
        atomic {
            if
            :: holder == me -> holder = 0 /* by its token */
            :: else
            fi
        }
        config++
    od
}

init {
    byte i;
    atomic { for (i : 1 .. MACHINES) { run machine(i) } }
}
