SELECT sparkingest.clock();
