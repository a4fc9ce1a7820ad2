/*
 * victims.h: who gives way when more is wanted than is free (C9, C11, C15).
 */
#ifndef SI_DOMAIN_VICTIMS_H
#define SI_DOMAIN_VICTIMS_H

#include "domain/slots.h"

/* Something that could give way: then cpu and mem are free in the slots [from, until). */
typedef struct SiOffer
{
    int64_t from; /* of work that is asked to stop: the first slot after it is gone */
    int64_t until;
    int64_t cpu;  /* millicores, at most SI_MAX_CPU_MILLICORES */
    int64_t mem;  /* MiB, at most SI_MAX_MEMORY_MIB */
    int32_t harm; /* class: all of a lower one go before any of a higher one, such as not started before running */
    int32_t priority;
    SiTime since;
    bool chosen;   /* out */
    int64_t worth; /* private */
} SiOffer;

/*
 * Chooses whom to ask. `deficit` is what is lacking slot by slot (needed less free, not positive = nothing is); on return
 * what is lacking still. Whether that is nothing; if not, those are chosen who free what can be freed.
 *
 * The rule: lower harm before higher, then lower priority before higher; among equals the one who frees most of what is
 * lacking, so that few are asked, then the newest, then the first in the list. Of those, whoever is not needed after all
 * is spared, the greatest harm first. So nobody is chosen without whom the others would do, and nobody of a higher harm
 * where those of the lower ones suffice. cpu and mem weigh as in a dedicated unit (M1). The same offers in the same order
 * give the same answer. Slots times offers in time.
 */
bool si_victims_choose(SiSlots *deficit, SiOffer *offers, int n);

#endif
