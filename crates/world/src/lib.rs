//! A small internet on loopback: name servers and mail hosts with the manners of real providers.
