/* A model of a configuration change on its way through a fleet. A lease may expire at any moment, and a machine may
 * sleep between any two steps. `./dev test --model` explores every order of these events.
 *
 * The model shows:
 *   - records are in the order of fences, and no two configurations begin under one fence;
 *   - the configuration that is recorded as good is the one that began last;
 *   - fences rise on every machine;
 *   - a bad configuration is in force on at most one machine at a time, plus one for each lease that was lost.
 *
 * The lock has one slot here, as it has until a configuration has passed its canary window (reload.lock.parallel: 1). A
 * machine that has the lock refuses a configuration that is on the denylist.
 *
 * These options remove parts of the design, and the model then fails or proves less:
 *   -DNO_FENCE             no fence in the records: the order of the records fails
 *   -DNO_FENCE_AT_THE_END  no fence in the last record: what is recorded as good fails
 *   -DAMNESIA              the servers lose their data once: the order of all records no longer holds, but what each
 *                          machine guarantees by its own disk does
 *   -DNO_WATERMARK         no fence watermark on the machines' disks either (with -DAMNESIA): fences go back
 */
#define MACHINES 3
#define BAD 1
#define GOOD 2

byte holder;           /* of the lock; 0: none */
byte fence;            /* the servers' counter */
byte recorded;         /* the highest fence that has begun ... */
byte recorded_config;  /* ... and its configuration */
byte begun;            /* the true value of `recorded`, even after the servers lost their data */
bool denylisted;
byte lost;             /* leases that expired under their holder */
byte running_bad;      /* machines that have the bad configuration in force */

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

/* Expires leases: their machine sleeps, or the network fails. Two expiries are enough for every combination. */
active proctype clock() {
    do
    :: atomic { holder != 0 && lost < 2 -> holder = 0; lost++ }
    :: break
    od
}

#ifdef AMNESIA
active proctype amnesia() {
    atomic { holder = 0; fence = 0; recorded = 0; recorded_config = 0; denylisted = false; lost++ }
}
#endif

proctype machine(byte me) {
    byte config, mine, before, in_force, disk;
    bool looks_held;
    config = BAD; /* the file on all machines, until an operator corrects it */
    do
    :: config > GOOD -> break
    :: else ->
        atomic { /* take: SET NX, and a fence above the one that this machine has on disk */
            holder == 0 -> holder = me;
#ifdef NO_WATERMARK
            fence = fence + 1;
#else
            fence = (fence > disk -> fence : disk) + 1;
#endif
            mine = fence
        }
        assert(mine > disk);
        disk = mine;
        if
        :: config == BAD && denylisted -> goto release /* refused: this machine never ran it */
        :: else
        fi;
        atomic { /* begin */
            if
            :: may_begin(mine, config) ->
#ifndef AMNESIA
                assert(mine > begun);
#endif
                begun = mine; recorded = mine; recorded_config = config
            :: else -> goto release
            fi
        }
        looks_held = (holder == me); /* by the lease's deadline; the machine may sleep after this check */
        if
        :: !looks_held -> goto release
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
        :: config == BAD -> /* it shows within the window, and is recorded whatever the fence */
            atomic { denylisted = true; running_bad--; in_force = before }
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
release:
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
